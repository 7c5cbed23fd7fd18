import { Global, Module } from '@nestjs/common';
import { Durable } from './durable.js';
import { DurableSweep } from './durable-sweep.js';
import { Reaper } from './reaper.js';

@Global()
@Module({ providers: [Durable, DurableSweep, Reaper], exports: [Durable, Reaper] })
export class DurableModule {}
