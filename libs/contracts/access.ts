import { z } from 'zod';

/**
 * private: its owner only; team: its owner and the members of the teams named; shared: its owner and the people, teams and agents named;
 * organization: every member, guests not; system: everyone, guests too, and written by administrators.
 */
export const AccessLevel = z.enum(['private', 'team', 'shared', 'organization', 'system']);
export type AccessLevel = z.infer<typeof AccessLevel>;
/** With whom something is shared. What an agent is given, everyone that it acts for can have through it. */
export const AccessGrant = z.strictObject({ kind: z.enum(['user', 'team', 'agent']), id: z.uuid() }).meta({ id: 'AccessGrant' });
export type AccessGrant = z.infer<typeof AccessGrant>;
/** Who reads a document or a memory. */
export const Access = z.strictObject({ level: AccessLevel, grants: z.array(AccessGrant) }).meta({ id: 'Access' });
export type Access = z.infer<typeof Access>;
const FORMS =
  'must be "private", "organization", "system" or an object such as {"level": "team", "grants": [{"kind": "team", "id": "…"}]}, level "shared" likewise';
/** `team` names teams, `shared` anyone, the others nobody. A level alone is short for `{level, grants: []}`. */
export const AccessInput = z.union(
  [
    z.enum(['private', 'organization', 'system']).transform((level): Access => ({ level, grants: [] })),
    z
      .strictObject({ level: AccessLevel, grants: z.array(AccessGrant).max(50).default([]) })
      .refine(({ level, grants }) => (level === 'team' || level === 'shared') === grants.length > 0, {
        message: 'must name somebody for team and shared, and nobody otherwise',
        path: ['grants'],
      })
      .refine(({ level, grants }) => level !== 'team' || grants.every(({ kind }) => kind === 'team'), {
        message: 'must name teams only',
        path: ['grants'],
      }),
  ],
  { error: ({ input }) => (typeof input === 'string' ? FORMS : undefined) },
);
export type AccessInput = z.infer<typeof AccessInput>;
