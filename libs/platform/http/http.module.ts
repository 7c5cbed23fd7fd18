import { Global, Module, StandardSchemaSerializerInterceptor } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, APP_PIPE } from '@nestjs/core';
import { ThrottlerModule } from '@nestjs/throttler';
import { CONFIG, type Config } from '@atrium/platform/config';
import { OrgGuard, PrincipalDirectory } from '@atrium/platform/tenancy';
import { Health, HealthController } from './health.controller.js';
import { LimitGuard } from './limits.js';
import { RequestLimits } from './request-limits.js';
import { LimitStorage } from './limit-storage.js';
import { ProblemFilter } from './problem.filter.js';
import { ProblemPagesController } from './problem-pages.controller.js';
import { Refusals } from './refusals.js';
import { ResponseInterceptor } from './response.interceptor.js';
import { SafeFetch } from './safe-fetch.js';
import { ValidationPipe } from './validation.pipe.js';

@Module({ providers: [LimitStorage], exports: [LimitStorage] })
class LimitStorageModule {}

/** The edge as Nest sees it: guard, limits, validation in, contract out, problems. */
@Global()
@Module({
  imports: [
    LimitStorageModule,
    ThrottlerModule.forRootAsync({
      imports: [LimitStorageModule],
      inject: [LimitStorage],
      useFactory: (storage: LimitStorage) => ({ throttlers: [{ ttl: 60_000, limit: 1 }], storage }),
    }),
  ],
  controllers: [HealthController, ProblemPagesController],
  providers: [
    Health,
    PrincipalDirectory,
    Refusals,
    RequestLimits,
    { provide: SafeFetch, useFactory: (config: Config) => new SafeFetch({ allow: config.OUTBOUND_ALLOW }), inject: [CONFIG] },
    { provide: APP_GUARD, useClass: OrgGuard },
    { provide: APP_GUARD, useClass: LimitGuard },
    { provide: APP_PIPE, useClass: ValidationPipe },
    // The contract is checked last, on what the interceptor before it has read the headers from.
    { provide: APP_INTERCEPTOR, useClass: StandardSchemaSerializerInterceptor },
    { provide: APP_INTERCEPTOR, useClass: ResponseInterceptor },
    { provide: APP_FILTER, useClass: ProblemFilter },
  ],
  exports: [Health, PrincipalDirectory, Refusals, RequestLimits, SafeFetch, LimitStorageModule],
})
export class HttpModule {}
