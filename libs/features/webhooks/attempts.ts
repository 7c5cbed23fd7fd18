const MINUTE = 60;
const HOUR = 60 * MINUTE;

/** The waits between attempts that Standard Webhooks proposes: ten attempts over some three days. Seconds. */
const WAITS_SECONDS = [5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR] as const;
/** Each wait is longer by up to this share, so that what failed together does not come back together. */
const JITTER = 0.2;

/** How long after its `attempt`th failure, from 1, a delivery is tried again. Seconds; null: never. `random` is from 0 to 1. */
export function waitAfter(attempt: number, random: number): number | null {
  const wait = WAITS_SECONDS[attempt - 1];
  return wait === undefined ? null : wait * (1 + JITTER * random);
}

/** A webhook that has had nothing but failures for so long is turned off. Days. */
const FAILING_DAYS = 5;

export const isHopeless = (failingSince: Date, now: Date): boolean => now.getTime() - failingSince.getTime() > FAILING_DAYS * 86_400_000;

/** How an attempt ended. */
export interface Outcome {
  responseStatus: number | null;
  durationMs: number;
  /** Null: it succeeded. */
  failure: string | null;
}

/** What the status of an answer says; null: it was taken. */
export function failureOf(status: number): string | null {
  if (status >= 200 && status < 300) return null;
  return status >= 300 && status < 400 ? 'redirect' : 'status';
}
