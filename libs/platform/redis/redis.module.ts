import { Global, Module } from '@nestjs/common';
import { Redis } from './redis.js';
import { RedisConnection } from './redis-connection.js';

/** Redis, or the same names without it. */
@Global()
@Module({ providers: [RedisConnection, Redis], exports: [RedisConnection, Redis] })
export class RedisModule {}
