import { Module } from '@nestjs/common';
import { McpCredentials } from './credentials.js';
import { ForeignServers } from './foreign-servers.js';
import { McpServerRepository } from './mcp-server.repository.js';
import { McpServersController } from './mcp-servers.controller.js';
import { McpServersQueries } from './mcp-servers.queries.js';
import { McpServersService } from './mcp-servers.service.js';
import { ProvidedTools } from './provided-tools.js';
import { ServerToolRepository } from './server-tool.repository.js';

/** Tools of other MCP servers. */
@Module({
  controllers: [McpServersController],
  providers: [
    McpServerRepository,
    ServerToolRepository,
    McpCredentials,
    ForeignServers,
    McpServersService,
    McpServersQueries,
    ProvidedTools,
  ],
})
export class McpServersModule {}
