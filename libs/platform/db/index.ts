export { catalogueFindings } from './catalogue.js';
export { isUniqueViolation, sqlState } from './database-errors.js';
export { Db, type IdentityTx, type SystemTx, type Tx } from './db.js';
export { Prisma } from './generated/client.js';
export { IDEMPOTENCY_TTL_HOURS } from './idempotency.js';
export { afterCommit, assertNoTransaction } from './scope.js';
export { TABLES } from './tables.js';
