import { z } from 'zod';

const id = <B extends string>() => z.uuid().brand<B>();

/** Every id is a UUIDv7 made by the server. The brand keeps one kind of id from being passed for another. */
export const OrgId = id<'OrgId'>();
export type OrgId = z.infer<typeof OrgId>;
export const UserId = id<'UserId'>();
export type UserId = z.infer<typeof UserId>;
export const AgentId = id<'AgentId'>();
export type AgentId = z.infer<typeof AgentId>;
export const SessionId = id<'SessionId'>();
export type SessionId = z.infer<typeof SessionId>;
export const ApiKeyId = id<'ApiKeyId'>();
export type ApiKeyId = z.infer<typeof ApiKeyId>;
export const InvitationId = id<'InvitationId'>();
export type InvitationId = z.infer<typeof InvitationId>;
export const ChannelId = id<'ChannelId'>();
export type ChannelId = z.infer<typeof ChannelId>;
export const MessageId = id<'MessageId'>();
export type MessageId = z.infer<typeof MessageId>;
export const DocumentId = id<'DocumentId'>();
export type DocumentId = z.infer<typeof DocumentId>;
export const ChunkId = id<'ChunkId'>();
export type ChunkId = z.infer<typeof ChunkId>;
export const EventId = id<'EventId'>();
export type EventId = z.infer<typeof EventId>;
