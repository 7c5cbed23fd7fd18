DROP TABLE invitation_lookups, api_key_lookups, sessions, users, api_keys, invitations, members, organizations;
