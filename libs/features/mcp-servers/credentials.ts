import { Inject, Injectable } from '@nestjs/common';
import type { McpCredential } from '@atrium/contracts';
import { Cipher, CONFIG, type Config, deriveKey } from '@atrium/platform/config';
import { Unavailable } from '@atrium/platform/errors';
import type { McpServerRow } from './mcp-server.js';

type Place = Pick<McpServerRow, 'orgId' | 'id'>;
export type SealedCredential = Pick<McpServerRow, 'credentialHeader' | 'credential'>;

/** Credentials as the database keeps them: encrypted, and bound to their server. */
@Injectable()
export class McpCredentials {
  private readonly cipher: Cipher;

  constructor(@Inject(CONFIG) config: Config) {
    this.cipher = new Cipher(deriveKey(config.encryptionKey.reveal(), 'credentials of MCP servers'));
  }

  seal(credential: McpCredential | null, place: Place): SealedCredential {
    if (credential === null) return { credentialHeader: null, credential: null };
    const [header, value] =
      credential.kind === 'bearer' ? ['Authorization', `Bearer ${credential.token}`] : [credential.name, credential.value];
    return { credentialHeader: header, credential: new Uint8Array(this.cipher.encrypt(value, placeOf(place))) };
  }

  /** The headers that carry it. @throws Unavailable `mcp-servers.failed` when it cannot be read */
  headersOf(row: McpServerRow): Record<string, string> {
    if (row.credentialHeader === null || row.credential === null) return {};
    try {
      return { [row.credentialHeader]: this.cipher.decrypt(row.credential, placeOf(row)) };
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

const placeOf = ({ orgId, id }: Place) => `${orgId}|mcp_servers|${id}|credential`;
