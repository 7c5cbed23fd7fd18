import { createHmac, randomBytes } from 'node:crypto';
import { deriveKey } from '@atrium/platform/config';

/** Invitations are carried by 256 random bits, of which only a keyed hash is kept. */
export class InvitationTokens {
  private readonly key: Buffer;

  constructor(encryptionKey: string) {
    this.key = deriveKey(encryptionKey, 'invitation');
  }

  make(): string {
    return randomBytes(32).toString('base64url');
  }

  hash(token: string): string {
    return createHmac('sha256', this.key).update(token).digest('hex');
  }
}
