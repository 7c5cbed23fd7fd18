import { join } from 'node:path';
import { Global, Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { CONFIG, type Config, deriveKey } from '@atrium/platform/config';
import { AuditHeads } from './audit-heads.js';
import { AuditKey } from './audit-key.js';
import { Dispatcher } from './dispatcher.js';
import { Events } from './events.js';
import { LogReader } from './log-reader.js';
import { Sealer } from './sealer.js';
import { Verifier } from './verifier.js';

@Global()
@Module({
  imports: [DiscoveryModule],
  providers: [
    Events,
    Dispatcher,
    LogReader,
    Sealer,
    Verifier,
    {
      provide: AuditKey,
      useFactory: (config: Config) => new AuditKey(deriveKey(config.auditKey.reveal(), 'audit chain')),
      inject: [CONFIG],
    },
    {
      provide: AuditHeads,
      useFactory: (config: Config, key: AuditKey) => new AuditHeads(join(config.DATA_DIR, 'audit'), key.bytes),
      inject: [CONFIG, AuditKey],
    },
  ],
  exports: [Events, Dispatcher, LogReader, Sealer, Verifier],
})
export class EventsModule {}
