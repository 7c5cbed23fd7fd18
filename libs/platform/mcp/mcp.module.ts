import { Module } from '@nestjs/common';
import { Exchanges } from './exchanges.js';
import { McpController } from './mcp.controller.js';
import { McpDoor } from './mcp-door.js';
import { OriginGuard } from './origin.guard.js';
import { StatusTool } from './status.tool.js';
import { ToolServer } from './tool-server.js';

/** The door for MCP clients. Needs ToolsModule and HttpModule. */
@Module({ controllers: [McpController], providers: [McpDoor, Exchanges, ToolServer, OriginGuard, StatusTool] })
export class McpModule {}
