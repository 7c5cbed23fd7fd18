import type { Prisma } from './generated/client.js';

declare const TENANT: unique symbol;
declare const IDENTITY: unique symbol;
declare const SYSTEM: unique symbol;
/** A transaction of one organization: repositories take nothing else, so a query without a tenant does not compile. */
export type Tx = Prisma.TransactionClient & { readonly [TENANT]: true };
/** A transaction that sees accounts, and of organizations only who is in which. */
export type IdentityTx = Prisma.TransactionClient & { readonly [IDENTITY]: true };
/** A transaction of relay, sealer, reaper and sweeps: ids of organizations, no content. */
export type SystemTx = Prisma.TransactionClient & { readonly [SYSTEM]: true };
