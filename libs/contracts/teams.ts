import { z } from 'zod';
import { page, text, Time } from './common.js';
import { TeamId, UserId } from './ids.js';
import { named } from './name.js';

/** A lead adds and removes members and changes the team's name and description. */
export const TeamRole = z.enum(['lead', 'member']);
export type TeamRole = z.infer<typeof TeamRole>;

/** People of an organization who share documents and memories. `role` is the caller's own in it, null outside of it. */
export const Team = z
  .strictObject({
    id: TeamId,
    name: z.string(),
    description: z.string(),
    memberCount: z.int(),
    role: TeamRole.nullable(),
    createdAt: Time,
    updatedAt: Time,
  })
  .meta({ id: 'Team' });
export type Team = z.infer<typeof Team>;
export const TeamPage = page(Team).meta({ id: 'TeamPage' });

const Description = text(1_000);
/** Names are unique in the organization, whatever the case of their letters. */
export const CreateTeam = z.strictObject({ name: named(80), description: Description.default('') }).meta({ id: 'CreateTeam' });
export type CreateTeam = z.infer<typeof CreateTeam>;
export const PatchTeam = z
  .strictObject({ name: named(80).optional(), description: Description.optional() })
  .refine((value) => value.name !== undefined || value.description !== undefined, 'must change name or description')
  .meta({ id: 'PatchTeam', minProperties: 1 });
export type PatchTeam = z.infer<typeof PatchTeam>;

export const TeamMember = z
  .strictObject({ userId: UserId, displayName: z.string(), role: TeamRole, createdAt: Time, updatedAt: Time })
  .meta({ id: 'TeamMember' });
export type TeamMember = z.infer<typeof TeamMember>;
export const TeamMemberPage = page(TeamMember).meta({ id: 'TeamMemberPage' });
/** Guests may be in a team too: it is how they come to read what the team shares. */
export const AddTeamMember = z.strictObject({ userId: UserId, role: TeamRole.default('member') }).meta({ id: 'AddTeamMember' });
export type AddTeamMember = z.infer<typeof AddTeamMember>;
export const PatchTeamMember = z.strictObject({ role: TeamRole }).meta({ id: 'PatchTeamMember' });
export type PatchTeamMember = z.infer<typeof PatchTeamMember>;
