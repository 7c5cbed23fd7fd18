DROP TABLE team_members, teams;
