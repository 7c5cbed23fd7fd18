import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type Config } from '@atrium/platform/config';
import { HeaderCredentials } from '@atrium/platform/tools';

/** Credentials of MCP servers; one that cannot be read is `mcp-servers.failed`. */
@Injectable()
export class McpCredentials extends HeaderCredentials {
  constructor(@Inject(CONFIG) config: Config) {
    super(config, { table: 'mcp_servers', purpose: 'credentials of MCP servers', what: 'MCP server', code: 'mcp-servers.failed' });
  }
}
