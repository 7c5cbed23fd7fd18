export { orgKey, type OrgKey } from './org-key.js';
export { Redis } from './redis.js';
export { type RedisClient, RedisConnection } from './redis-connection.js';
export { RedisModule } from './redis.module.js';
