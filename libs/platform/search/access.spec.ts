import type { Access, AccessLevel } from '@atrium/contracts';
import { type AccessColumns, accessColumns, accessOf, audienceOf, audienceOfChange, isNarrowed, mayRead, withoutGrant } from './access.js';
import { GrantSet } from './grants.js';

const user = (id: string) => ({ kind: 'user' as const, id });
const team = (id: string) => ({ kind: 'team' as const, id });
const of = (level: AccessLevel, ...grants: Access['grants']): AccessColumns => ({
  ownerId: 'ada',
  ...accessColumns('ada', { level, grants }),
});
const keys = {
  ada: ['everyone', 'org', 'user:ada'],
  teammate: ['everyone', 'org', 'user:tom', 'team:t'],
  named: ['everyone', 'org', 'user:bob'],
  'a guest who is named': ['everyone', 'user:bob'],
  member: ['everyone', 'org', 'user:eve'],
  guest: ['everyone', 'user:gus'],
  'an agent of a member': ['everyone', 'org', 'user:eve', 'agent:x'],
};

describe('who may read', () => {
  it.each<[string, AccessColumns, string[]]>([
    ['private', of('private'), ['ada']],
    ['team', of('team', team('t')), ['ada', 'teammate']],
    ['shared with a person', of('shared', user('bob')), ['ada', 'named', 'a guest who is named']],
    ['shared with an agent', of('shared', { kind: 'agent', id: 'x' }), ['ada', 'an agent of a member']],
    ['shared with a team and a person', of('shared', team('t'), user('bob')), ['ada', 'teammate', 'named', 'a guest who is named']],
    ['organization', of('organization'), ['ada', 'teammate', 'named', 'member', 'an agent of a member']],
    ['system', of('system'), Object.keys(keys)],
  ])('what is %s', (_level, columns, readers) => {
    const may = Object.entries(keys).filter(([, held]) => mayRead(columns, GrantSet.ofReader(held)));

    expect(may.map(([who]) => who)).toEqual(readers);
  });
});

it('is told to those who may read it', () => {
  const all = [of('private'), of('team', team('t')), of('shared', user('bob'), user('al')), of('organization'), of('system')];

  expect(all.map(audienceOf)).toEqual(['user:ada', 'team:t user:ada', 'user:ada user:al user:bob', 'organization', 'everyone']);
});

it('of a change everyone hears who could read it or can, guests who were named too', () => {
  expect(audienceOfChange(of('organization'), of('private'))).toBe('org user:ada');
  expect(audienceOfChange(of('organization'), of('organization'))).toBe('organization');
  expect(audienceOfChange(of('shared', user('bob')), of('organization'))).toBe('org user:ada user:bob');
  expect(audienceOfChange(of('system'), of('private'))).toBe('everyone');
  expect(audienceOfChange(of('team', team('t')), of('team', team('u')))).toBe('team:t team:u user:ada');
});

it.each<[AccessColumns, AccessColumns, boolean]>([
  [of('private'), of('organization'), false],
  [of('private'), of('shared', user('bob')), false],
  [of('organization'), of('system'), false],
  [of('shared', user('bob')), of('shared', user('bob'), team('t')), false],
  [of('shared', user('bob')), of('system'), false],
  [of('system'), of('organization'), true],
  [of('organization'), of('private'), true],
  [of('organization'), of('team', team('t')), true],
  [of('team', team('t')), of('team', team('u')), true],
  [of('shared', user('bob'), team('t')), of('shared', team('t')), true],
  // They may be guests.
  [of('shared', user('bob')), of('organization'), true],
])('is narrowed or not: %#', (before, after, narrowed) => {
  expect(isNarrowed(before, after)).toBe(narrowed);
});

it('names each once, and forgets who is gone', () => {
  const both = of('shared', user('bob'), team('t'), user('bob'));

  expect(accessOf(both).grants).toEqual([user('bob'), team('t')]);
  expect(withoutGrant(both, 'user:bob')).toEqual(accessColumns('ada', { level: 'shared', grants: [team('t')] }));
  expect(withoutGrant(of('team', team('t')), 'team:t')).toEqual(accessColumns('ada', { level: 'private', grants: [] }));
  expect(withoutGrant(both, 'user:ada')).toEqual(accessColumns('ada', accessOf(both)));
});
