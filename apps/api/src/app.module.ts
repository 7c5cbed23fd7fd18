import { type DynamicModule, Module } from '@nestjs/common';
import { AgentsModule } from '@atrium/features/agents';
import { AuditModule } from '@atrium/features/audit';
import { ChatModule } from '@atrium/features/chat';
import { DocumentsModule } from '@atrium/features/documents';
import { HttpToolsModule } from '@atrium/features/http-tools';
import { McpServersModule } from '@atrium/features/mcp-servers';
import { MemoryModule } from '@atrium/features/memory';
import { ModelsModule } from '@atrium/features/models';
import { OrganizationsModule } from '@atrium/features/organizations';
import { WebhooksModule } from '@atrium/features/webhooks';
import { WorkflowsModule } from '@atrium/features/workflows';
import type { Config } from '@atrium/platform/config';
import type { Database } from '@atrium/platform/db';
import type { Log } from '@atrium/platform/observability';
import { PlatformModule } from './platform.module.js';

/** The whole product: the platform and its features. */
@Module({})
export class AppModule {
  static with(config: Config, database: Database, log: Log): DynamicModule {
    return {
      module: AppModule,
      imports: [
        PlatformModule.with(config, database, log),
        OrganizationsModule,
        ModelsModule,
        ChatModule,
        DocumentsModule,
        AgentsModule,
        WorkflowsModule,
        McpServersModule,
        HttpToolsModule,
        MemoryModule,
        WebhooksModule,
        AuditModule,
      ],
    };
  }
}
