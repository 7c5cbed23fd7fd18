import type { ChannelId } from '@atrium/contracts';
import { unitGrants } from './message-units.js';

const open = { id: 'c1' as ChannelId, kind: 'public' as const };
const closed = { id: 'c1' as ChannelId, kind: 'private' as const };

it.each([
  ['a message in a public channel', open, [], ['org', 'channel:c1']],
  ['a message in a private channel', closed, [], ['channel:c1']],
  ['an answer from what every member may read, in a public channel', open, [['org']], ['org']],
  ['an answer from what every member may read, in a private channel that may have guests', closed, [['org']], []],
  ['an answer from the channel itself', closed, [['channel:c1']], ['channel:c1']],
  ['an answer from the public channel itself', open, [['org', 'channel:c1']], ['org', 'channel:c1']],
  ['an answer from one open and one private source', open, [['org'], ['user:u1']], []],
])('gives %s the grants that let its readers find it', (_, channel, requires, grants) => {
  expect(unitGrants(channel, requires)).toEqual(grants);
});
