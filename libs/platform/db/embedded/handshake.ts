import { z } from 'zod';

/** What the parent tells the database process, as the first line of its stdin: never by argument or environment, which others can read. */
export const StartOrder = z.strictObject({
  dataDir: z.string(),
  ownerPid: z.int(),
  logins: z.record(z.string(), z.string()),
  idleInTransactionMs: z.int(),
});
export type StartOrder = z.infer<typeof StartOrder>;

/** What the database process answers, as the first line of its stdout. */
export const StartAnswer = z.discriminatedUnion('state', [
  z.strictObject({ state: z.literal('ready'), port: z.int() }),
  z.strictObject({ state: z.literal('in_use'), pid: z.int() }),
  z.strictObject({ state: z.literal('damaged'), reason: z.string() }),
]);
export type StartAnswer = z.infer<typeof StartAnswer>;
