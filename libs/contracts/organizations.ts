import { z } from 'zod';
import { Moment, page, Time } from './common.js';
import { AgentId, ApiKeyId, InvitationId, OrgId, UserId } from './ids.js';
import { named } from './name.js';
import { PERMISSIONS, ROLES } from './permissions.js';

export const Role = z.enum(ROLES).meta({ id: 'Role' });
export type Role = z.infer<typeof Role>;
export const Permission = z.enum(PERMISSIONS).meta({ id: 'Permission' });
export type Permission = z.infer<typeof Permission>;

/** Trimmed and in lower case before it is checked: one address is one account, however it is written. */
export const Email = z.string().trim().toLowerCase().max(254).check(z.email());
/** At least 10 characters; what argon2id hashes is at most 1 KiB. */
/** Read in NFC, so that it is the same however a keyboard makes its letters. */
const password = (minChars: number) =>
  z
    .string()
    .min(minChars, `must have at least ${minChars} characters`)
    .max(256)
    .refine((given) => !/\p{Cs}/u.test(given), 'must be well-formed Unicode')
    .transform((given) => given.normalize('NFC'));
export const Password = password(10);
const GivenPassword = password(0);
export const DisplayName = named(80);

/** `body` answers both tokens; `cookie` keeps the refresh token in an HttpOnly cookie and answers a CSRF token. */
export const Transport = z.enum(['body', 'cookie']);
export type Transport = z.infer<typeof Transport>;

export const User = z
  .strictObject({ id: UserId, email: z.string(), displayName: z.string(), createdAt: Time, updatedAt: Time })
  .meta({ id: 'User' });
export type User = z.infer<typeof User>;

export const Organization = z.strictObject({ id: OrgId, name: z.string(), createdAt: Time, updatedAt: Time }).meta({ id: 'Organization' });
export type Organization = z.infer<typeof Organization>;

/** An organization of mine, with my role in it. */
export const MyOrganization = z
  .strictObject({ ...Organization.shape, role: Role, suspendedAt: Time.nullable() })
  .meta({ id: 'MyOrganization' });
export type MyOrganization = z.infer<typeof MyOrganization>;
export const MyOrganizationPage = page(MyOrganization).meta({ id: 'MyOrganizationPage' });

export const TokenPair = z
  .strictObject({
    accessToken: z.string(),
    /** Absent with the cookie transport. */
    refreshToken: z.string().optional(),
    /** To be sent as `X-CSRF-Token` with the cookie; only with the cookie transport. */
    csrfToken: z.string().optional(),
    /** Seconds until the access token ends. */
    expiresIn: z.int(),
  })
  .meta({ id: 'TokenPair' });
export type TokenPair = z.infer<typeof TokenPair>;

export const SignedIn = z.strictObject({ user: User, organization: Organization, ...TokenPair.shape }).meta({ id: 'SignedIn' });
export type SignedIn = z.infer<typeof SignedIn>;

export const Register = z
  .strictObject({
    email: Email,
    password: Password,
    displayName: DisplayName,
    organizationName: named(120),
    transport: Transport.default('body'),
  })
  .meta({
    id: 'Register',
    examples: [{ email: 'ada@example.com', password: 'correct horse battery', displayName: 'Ada', organizationName: 'Northwind' }],
  });
export type Register = z.infer<typeof Register>;

export const Login = z
  .strictObject({ email: Email, password: GivenPassword, organizationId: OrgId.optional(), transport: Transport.default('body') })
  .meta({ id: 'Login', examples: [{ email: 'ada@example.com', password: 'correct horse battery' }] });
export type Login = z.infer<typeof Login>;

export const ChangePassword = z.strictObject({ currentPassword: GivenPassword, newPassword: Password }).meta({ id: 'ChangePassword' });
export type ChangePassword = z.infer<typeof ChangePassword>;

/** Without `refreshToken` the cookie is used. */
export const Refresh = z.strictObject({ refreshToken: z.string().max(512).optional() }).meta({ id: 'Refresh' });
export type Refresh = z.infer<typeof Refresh>;

export const SwitchOrganization = z
  .strictObject({ organizationId: OrgId, transport: Transport.default('body') })
  .meta({ id: 'SwitchOrganization' });
export type SwitchOrganization = z.infer<typeof SwitchOrganization>;

export const Me = z
  .strictObject({ user: User, organization: Organization, role: Role, permissions: z.array(Permission), agentId: AgentId.nullable() })
  .meta({ id: 'Me' });
export type Me = z.infer<typeof Me>;
export const PatchMe = z.strictObject({ displayName: DisplayName }).meta({ id: 'PatchMe' });
export type PatchMe = z.infer<typeof PatchMe>;

export const Session = z
  .strictObject({
    id: z.uuid(),
    organizationId: OrgId,
    userAgent: z.string().nullable(),
    ip: z.string().nullable(),
    current: z.boolean(),
    expiresAt: Time,
    createdAt: Time,
    updatedAt: Time,
  })
  .meta({ id: 'Session' });
export type Session = z.infer<typeof Session>;
export const SessionPage = page(Session).meta({ id: 'SessionPage' });

export const CreateOrganization = z.strictObject({ name: named(120) }).meta({ id: 'CreateOrganization' });
export type CreateOrganization = z.infer<typeof CreateOrganization>;
export const PatchOrganization = z.strictObject({ name: named(120) }).meta({ id: 'PatchOrganization' });
export type PatchOrganization = z.infer<typeof PatchOrganization>;

export const Member = z
  .strictObject({
    userId: UserId,
    displayName: z.string(),
    email: z.string(),
    role: Role,
    suspendedAt: Time.nullable(),
    createdAt: Time,
    updatedAt: Time,
  })
  .meta({ id: 'Member' });
export type Member = z.infer<typeof Member>;
export const MemberPage = page(Member).meta({ id: 'MemberPage' });
export const PatchMember = z
  .strictObject({ role: Role.optional(), suspended: z.boolean().optional() })
  .refine((value) => value.role !== undefined || value.suspended !== undefined, 'must change role or suspended')
  .meta({ id: 'PatchMember', minProperties: 1 });
export type PatchMember = z.infer<typeof PatchMember>;

export const Invitation = z
  .strictObject({
    id: InvitationId,
    email: z.string(),
    role: Role,
    invitedBy: UserId,
    expiresAt: Time,
    acceptedAt: Time.nullable(),
    createdAt: Time,
    updatedAt: Time,
  })
  .meta({ id: 'Invitation' });
export type Invitation = z.infer<typeof Invitation>;
export const InvitationPage = page(Invitation).meta({ id: 'InvitationPage' });
/** `expiresInHours` is 1 to 720, default 168 (a week). */
export const CreateInvitation = z
  .strictObject({ email: Email, role: Role.default('member'), expiresInHours: z.int().min(1).max(720).default(168) })
  .meta({ id: 'CreateInvitation', examples: [{ email: 'ben@example.com', role: 'member' }] });
export type CreateInvitation = z.infer<typeof CreateInvitation>;
/** The token and link are shown this once. */
export const CreatedInvitation = z
  .strictObject({ ...Invitation.shape, token: z.string(), link: z.string() })
  .meta({ id: 'CreatedInvitation' });
export type CreatedInvitation = z.infer<typeof CreatedInvitation>;
/** A new person sends password and displayName; one who has an account sends its password. */
export const AcceptInvitation = z
  .strictObject({
    token: z.string().max(512),
    password: Password.optional(),
    displayName: DisplayName.optional(),
    transport: Transport.default('body'),
  })
  .meta({ id: 'AcceptInvitation' });
export type AcceptInvitation = z.infer<typeof AcceptInvitation>;

export const ApiKey = z
  .strictObject({
    id: ApiKeyId,
    name: z.string(),
    /** The first characters of the key, to recognise it by. */
    prefix: z.string(),
    ownerId: UserId,
    /** The agent that acts, on behalf of the key's owner; null: the owner acts. */
    agentId: AgentId.nullable(),
    scopes: z.array(Permission),
    expiresAt: Time.nullable(),
    lastUsedAt: Time.nullable(),
    createdAt: Time,
    updatedAt: Time,
  })
  .meta({ id: 'ApiKey' });
export type ApiKey = z.infer<typeof ApiKey>;
export const ApiKeyPage = page(ApiKey).meta({ id: 'ApiKeyPage' });
/** Without `scopes` the key may do what its owner may, but for managing members and keys. */
export const CreateApiKey = z
  .strictObject({
    name: named(80),
    scopes: z.array(Permission).min(1).max(64).optional(),
    agentId: AgentId.optional(),
    expiresAt: Moment.optional(),
  })
  .meta({ id: 'CreateApiKey', examples: [{ name: 'desktop', scopes: ['search:read', 'documents:read', 'agents:run'] }] });
export type CreateApiKey = z.infer<typeof CreateApiKey>;
/** The key is shown this once. */
export const CreatedApiKey = z.strictObject({ ...ApiKey.shape, key: z.string() }).meta({ id: 'CreatedApiKey' });
export type CreatedApiKey = z.infer<typeof CreatedApiKey>;
