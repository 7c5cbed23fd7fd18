import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

/** A key for one purpose out of one secret (HKDF-SHA256, RFC 5869). 32 bytes. */
export function deriveKey(secret: string, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, 'atrium', purpose, 32));
}

/** AES-256-GCM with a random 96-bit nonce: nonce ‖ tag ‖ ciphertext. `place` (organization, table, row) is authenticated, so a value moved elsewhere does not open. */
export class Cipher {
  constructor(private readonly key: Buffer) {}

  encrypt(text: string, place: string): Buffer {
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.key, nonce, { authTagLength: 16 });
    cipher.setAAD(Buffer.from(place));
    const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    return Buffer.concat([nonce, cipher.getAuthTag(), body]);
  }

  /** @throws when the value was changed, moved or encrypted under another key. */
  decrypt(value: Uint8Array, place: string): string {
    const bytes = Buffer.from(value);
    const decipher = createDecipheriv('aes-256-gcm', this.key, bytes.subarray(0, 12), { authTagLength: 16 });
    decipher.setAAD(Buffer.from(place));
    decipher.setAuthTag(bytes.subarray(12, 28));
    return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString('utf8');
  }
}
