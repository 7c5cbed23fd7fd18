import { Global, Module } from '@nestjs/common';
import { Durable } from './durable.js';
import { Reaper } from './reaper.js';

@Global()
@Module({ providers: [Durable, Reaper], exports: [Durable, Reaper] })
export class DurableModule {}
