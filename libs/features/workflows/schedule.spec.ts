import { nextTime } from './schedule.js';

const after = new Date('2027-01-01T00:00:00Z');

describe('a schedule', () => {
  it.each([
    ['30 9 * * 1', 'Europe/Berlin', '2027-01-04T08:30:00.000Z'],
    ['*/15 * * * *', 'UTC', '2027-01-01T00:15:00.000Z'],
    ['0 12 29 2 *', 'UTC', '2028-02-29T12:00:00.000Z'],
    ['30 2 28 3 *', 'Europe/Berlin', '2027-03-28T01:00:00.000Z'],
  ])('%s in %s comes next at %s', (cron, zone, next) => {
    expect(nextTime(cron, zone, after).toISOString()).toBe(next);
  });

  it.each([
    ['0 0 30 2 *', 'UTC', '/cron'],
    ['61 * * * *', 'UTC', '/cron'],
    ['* * * * * *', 'UTC', '/cron'],
    ['every monday', 'UTC', '/cron'],
    ['* * * * *', 'Mars/Olympus', '/timeZone'],
  ])('%s in %s is refused', (cron, zone, pointer) => {
    expect(() => nextTime(cron, zone, after)).toThrow(
      expect.objectContaining({ code: 'workflows.invalid_schedule', options: { places: [expect.objectContaining({ pointer })] } }) as Error,
    );
  });
});
