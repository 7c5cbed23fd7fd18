DROP TABLE message_sources, message_revisions, messages, channel_members, channels;
