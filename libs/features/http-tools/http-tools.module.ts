import { Module } from '@nestjs/common';
import { HttpToolCredentials } from './credentials.js';
import { HttpCalls } from './http-calls.js';
import { HttpToolRepository } from './http-tool.repository.js';
import { HttpToolsController } from './http-tools.controller.js';
import { HttpToolsQueries } from './http-tools.queries.js';
import { HttpToolsService } from './http-tools.service.js';
import { ProvidedTools } from './provided-tools.js';

/** Tools that call addresses of an organization's own systems. */
@Module({
  controllers: [HttpToolsController],
  providers: [HttpToolRepository, HttpToolCredentials, HttpCalls, HttpToolsService, HttpToolsQueries, ProvidedTools],
})
export class HttpToolsModule {}
