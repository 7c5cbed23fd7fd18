import { Inject, Injectable } from '@nestjs/common';
import type { McpCredential } from '@atrium/contracts';
import { CONFIG, type Config, SealedColumn } from '@atrium/platform/config';
import { Unavailable } from '@atrium/platform/errors';
import type { McpServerRow } from './mcp-server.js';

type Place = Pick<McpServerRow, 'orgId' | 'id'>;
export type SealedCredential = Pick<McpServerRow, 'credentialHeader' | 'credential'>;

/** Credentials as the database keeps them: encrypted, and bound to their server. */
@Injectable()
export class McpCredentials {
  private readonly column: SealedColumn;

  constructor(@Inject(CONFIG) config: Config) {
    this.column = new SealedColumn(config, 'credentials of MCP servers', 'mcp_servers', 'credential');
  }

  seal(credential: McpCredential | null, place: Place): SealedCredential {
    if (credential === null) return { credentialHeader: null, credential: null };
    const [header, value] =
      credential.kind === 'bearer' ? ['Authorization', `Bearer ${credential.token}`] : [credential.name, credential.value];
    return { credentialHeader: header, credential: this.column.seal(value, place) };
  }

  /** The headers that carry it. @throws Unavailable `mcp-servers.failed` when it cannot be read */
  headersOf(row: McpServerRow): Record<string, string> {
    if (row.credentialHeader === null || row.credential === null) return {};
    try {
      return { [row.credentialHeader]: this.column.open(row.credential, row) };
    } catch {
      const why = 'cannot be read: it was saved under another encryption key, or was changed.';
      throw new Unavailable(
        'mcp-servers.failed',
        `The credential of the MCP server ${row.name} ${why} An administrator has to enter it again.`,
        { retryable: false },
      );
    }
  }
}
