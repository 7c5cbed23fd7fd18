import { createHmac, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { deriveKey } from '@atrium/platform/config';

export const API_KEY_PREFIX = 'atr_';
const SECRET_CHARS = 43;
const CRC_CHARS = 8;
/** How much of a key is kept and shown to recognise it by. */
const SHOWN_CHARS = 12;

/** API keys: `atr_` ‖ 256 random bits in base64url ‖ CRC-32 in hex, so that scanners and we can tell a mistyped one without a look-up. */
export class ApiKeySecrets {
  private readonly key: Buffer;

  constructor(encryptionKey: string) {
    this.key = deriveKey(encryptionKey, 'api-key');
  }

  make(): string {
    const body = API_KEY_PREFIX + randomBytes(32).toString('base64url');
    return body + checksumOf(body);
  }

  prefixOf(key: string): string {
    return key.slice(0, SHOWN_CHARS);
  }

  /** What the database keeps of a key; null when it is none. */
  hash(key: string): string | null {
    const bodyChars = API_KEY_PREFIX.length + SECRET_CHARS;
    if (!key.startsWith(API_KEY_PREFIX) || key.length !== bodyChars + CRC_CHARS) return null;
    const body = key.slice(0, bodyChars);
    if (checksumOf(body) !== key.slice(bodyChars)) return null;
    return createHmac('sha256', this.key).update(key).digest('hex');
  }
}

const checksumOf = (text: string) => crc32(text).toString(16).padStart(CRC_CHARS, '0');
