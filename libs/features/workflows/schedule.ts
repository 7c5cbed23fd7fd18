import { Cron } from 'croner';
import { Invalid } from '@atrium/platform/errors';

/**
 * The first time of a schedule after `after`. Five fields, in a time zone by its IANA name; a time that summer time leaves out or repeats
 * comes once.
 * @throws Invalid `workflows.invalid_schedule` for one that does not exist or never comes
 */
export function nextTime(cron: string, timeZone: string, after: Date): Date {
  const fault = (pointer: string, message: string) =>
    new Invalid('workflows.invalid_schedule', `The schedule ${message}.`, { places: [{ pointer, message }] });
  try {
    Intl.DateTimeFormat('en', { timeZone });
  } catch {
    throw fault('/timeZone', 'has an unknown time zone');
  }
  let next: Date | null;
  try {
    next = new Cron(cron, { timezone: timeZone, mode: '5-part', paused: true }).nextRun(after);
  } catch {
    throw fault('/cron', 'is not five fields of a cron pattern');
  }
  if (next === null) throw fault('/cron', 'never comes');
  return next;
}
