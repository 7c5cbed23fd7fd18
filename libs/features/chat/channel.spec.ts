import type { ChannelId, Role, UserId } from '@atrium/contracts';
import { type OrgContext, systemContext } from '@atrium/platform/tenancy';
import { type ChannelAccess, type ChannelRole, mayManage, mayRead } from './channel.js';
import { readerOf } from './reader.js';

const system = systemContext('o' as OrgContext['orgId'], 'test');
const as = (role: Role): OrgContext => ({ ...system, principal: { kind: 'user', id: 'u' as UserId, role, onBehalfOf: null } });
function access(kind: 'public' | 'private', role: ChannelRole | null): ChannelAccess {
  const at = new Date(0);
  return {
    channel: { id: 'c' as ChannelId, name: 'c', kind, topic: '', description: '', archivedAt: null, createdAt: at, updatedAt: at },
    own: role,
    person: role,
  };
}

it.each([
  ['owner', 'public', null, true, true],
  ['admin', 'private', null, false, true],
  ['admin', 'private', 'member', true, true],
  ['member', 'public', null, true, false],
  ['member', 'public', 'member', true, false],
  ['member', 'private', null, false, false],
  ['member', 'private', 'admin', true, true],
  ['guest', 'public', null, false, false],
  ['guest', 'public', 'member', true, false],
  ['guest', 'private', 'admin', true, true],
] as const)('%s at a %s channel as %s: reads %s, would manage %s', (role, kind, own, reads, manages) => {
  expect(mayRead(readerOf(as(role)), access(kind, own))).toBe(reads);
  expect(mayManage(as(role), access(kind, own))).toBe(manages);
});

it('lets the system read and manage everything', () => {
  expect(mayRead(readerOf(system), access('private', null))).toBe(true);
  expect(mayManage(system, access('private', null))).toBe(true);
});
