import { createHash, createSecretKey, type KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';

/** Lifetime of an access token. Seconds. */
export const ACCESS_SECONDS = 600;
export const MAX_TOKEN_CHARS = 8_192;
export const ISSUER = 'atrium';
export const AUDIENCE = 'atrium-api';
/** How far ahead of this machine's clock a token may have been issued by another process. Seconds. */
const MAX_AHEAD_SECONDS = 30;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export interface AccessClaims {
  readonly sub: string;
  readonly org: string;
  readonly sid: string;
}

/** Signs with the first secret and names the key of any. */
export class AccessTokens {
  private readonly keys = new Map<string, KeyObject>();
  private readonly current: { kid: string; key: KeyObject };

  constructor(secrets: readonly string[]) {
    const made = secrets.map((secret) => ({ kid: kidOf(secret), key: createSecretKey(Buffer.from(secret, 'utf8')) }));
    const [current] = made;
    if (!current) throw new Error('there is no secret to sign access tokens with');
    this.current = current;
    for (const { kid, key } of made) this.keys.set(kid, key);
  }

  sign(claims: AccessClaims): Promise<string> {
    const now = Math.floor(Date.now() / 1_000);
    return new SignJWT({ org: claims.org, sid: claims.sid })
      .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', kid: this.current.kid })
      .setSubject(claims.sub)
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setIssuedAt(now)
      .setExpirationTime(now + ACCESS_SECONDS)
      .sign(this.current.key);
  }

  /** The key that a token's header names, if the header is exactly what `sign` writes: nothing else (jku, jwk, x5u, crit, …) may stand in it. */
  keyFor(token: string): KeyObject | null {
    if (token.length > MAX_TOKEN_CHARS) return null;
    const header = jsonOf(token.split('.')[0] ?? '');
    if (header === null || Object.keys(header).some((name) => name !== 'alg' && name !== 'typ' && name !== 'kid')) return null;
    if (header['alg'] !== 'HS256' || header['typ'] !== 'at+jwt' || typeof header['kid'] !== 'string') return null;
    return this.keys.get(header['kid']) ?? null;
  }
}

/** The claims of a token whose signature holds; null when one is missing, of another type, or grants more time than we do. */
export function checkedClaims(payload: unknown, nowSeconds = Date.now() / 1_000): (AccessClaims & { exp: number }) | null {
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) return null;
  const { sub, org, sid, iat, exp, iss, aud } = payload as Record<string, unknown>;
  if (iss !== ISSUER || aud !== AUDIENCE) return null;
  if (typeof iat !== 'number' || typeof exp !== 'number' || !Number.isFinite(iat) || !Number.isFinite(exp)) return null;
  if (iat > nowSeconds + MAX_AHEAD_SECONDS || exp <= nowSeconds || exp <= iat || exp - iat > ACCESS_SECONDS) return null;
  if (!isUuid(sub) || !isUuid(org) || !isUuid(sid)) return null;
  return { sub, org, sid, exp };
}

const isUuid = (value: unknown): value is string => typeof value === 'string' && UUID.test(value);

const kidOf = (secret: string) => createHash('sha256').update(`atrium kid ${secret}`).digest('hex').slice(0, 16);

function jsonOf(part: string): Record<string, unknown> | null {
  const bytes = Buffer.from(part, 'base64url');
  if (bytes.toString('base64url') !== part) return null;
  try {
    const value = JSON.parse(bytes.toString('utf8')) as unknown;
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
