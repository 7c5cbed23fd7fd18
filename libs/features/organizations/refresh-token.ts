import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { deriveKey } from '@atrium/platform/config';

const ID_BYTES = 16;
const GENERATION_BYTES = 4;
const MAC_BYTES = 32;
const TOKEN_BYTES = ID_BYTES + GENERATION_BYTES + MAC_BYTES;
const MAX_GENERATION = 0x7fff_ffff;

export interface RefreshClaim {
  readonly sessionId: string;
  readonly generation: number;
}

/**
 * Refresh tokens follow from the session and its generation, so the successor of a token can be given twice without being stored:
 * base64url(session id ‖ generation ‖ HMAC-SHA256 of both).
 */
export class RefreshTokens {
  private readonly key: Buffer;
  private readonly csrfKey: Buffer;

  constructor(encryptionKey: string) {
    this.key = deriveKey(encryptionKey, 'refresh');
    this.csrfKey = deriveKey(encryptionKey, 'csrf');
  }

  make(claim: RefreshClaim): string {
    const body = Buffer.alloc(ID_BYTES + GENERATION_BYTES);
    body.write(claim.sessionId.replaceAll('-', ''), 'hex');
    body.writeUInt32BE(claim.generation, ID_BYTES);
    return Buffer.concat([body, this.mac(body)]).toString('base64url');
  }

  /** What a token claims; null when one bit of it, or the way it is written, differs from what `make` gave. */
  read(token: string): RefreshClaim | null {
    const bytes = Buffer.from(token, 'base64url');
    if (bytes.length !== TOKEN_BYTES || bytes.toString('base64url') !== token) return null;
    const body = bytes.subarray(0, ID_BYTES + GENERATION_BYTES);
    if (!timingSafeEqual(bytes.subarray(-MAC_BYTES), this.mac(body))) return null;
    const generation = body.readUInt32BE(ID_BYTES);
    if (generation > MAX_GENERATION) return null;
    return { sessionId: uuidOf(body.subarray(0, ID_BYTES)), generation };
  }

  /** What the database keeps of a token. */
  hash(token: string): string {
    return createHash('sha256').update(token).digest('hex');
  }

  /** What a page must send as X-CSRF-Token beside the cookie of this session. */
  csrf(sessionId: string): string {
    return createHmac('sha256', this.csrfKey).update(sessionId).digest('base64url');
  }

  isCsrf(sessionId: string, shown: unknown): boolean {
    const expected = Buffer.from(this.csrf(sessionId));
    const given = Buffer.from(typeof shown === 'string' ? shown : '');
    return given.length === expected.length && timingSafeEqual(given, expected);
  }

  private mac(body: Buffer): Buffer {
    return createHmac('sha256', this.key).update(body).digest();
  }
}

function uuidOf(bytes: Buffer): string {
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
