import { Inject, Injectable } from '@nestjs/common';
import type { McpCredential } from '@atrium/contracts';
import { Cipher, CONFIG, type Config, deriveKey } from '@atrium/platform/config';
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

  /** The headers that carry it. */
  headersOf(row: McpServerRow): Record<string, string> {
    if (row.credentialHeader === null || row.credential === null) return {};
    return { [row.credentialHeader]: this.cipher.decrypt(row.credential, placeOf(row)) };
  }
}

const placeOf = ({ orgId, id }: Place) => `${orgId}|mcp_servers|${id}|credential`;
