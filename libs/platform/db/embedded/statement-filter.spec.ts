import { assertOrdinary, assertServed, channelChanges } from './statement-filter.js';

it.each(['SET SESSION/**/AUTHORIZATION x', 'reset session_Authorization', 'SELECT 1 AS U&"a"', `SET u&'x'`])(
  'refuses %s to an ordinary login',
  (sql) => {
    expect(() => assertOrdinary(sql)).toThrow(expect.objectContaining({ sqlState: '42501' }));
  },
);

it.each([
  'DISCARD ALL',
  'discard/**/plans',
  'DEALLOCATE PREPARE ALL',
  'SET LOCAL transaction_timeout = 1',
  'set Idle_in_transaction_session_timeout to 1',
  'COPY t (a) FROM\n/* */ STDIN',
])('serves %s to nobody', (sql) => {
  expect(() => assertServed(sql)).toThrow(expect.objectContaining({ sqlState: '0A000' }));
});

it.each(['SELECT discarded_at FROM t', 'DEALLOCATE one', 'COPY t TO STDOUT', 'SELECT author FROM t'])('lets %s pass', (sql) => {
  assertServed(sql);
  assertOrdinary(sql);
});

it('spells channel names as the engine does', () => {
  expect(channelChanges('LISTEN News; unlisten *; LISTEN "Odd ""one"""')).toEqual([
    { listen: true, channel: 'news' },
    { listen: false, channel: null },
    { listen: true, channel: 'Odd "one"' },
  ]);
  expect(channelChanges(`SELECT 'to listen well'`)).toEqual([]);
});
