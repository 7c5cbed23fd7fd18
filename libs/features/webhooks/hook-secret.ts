import { createHmac, randomBytes } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type Config, deriveKey } from '@atrium/platform/config';

const PREFIX = 'hook_';
/** How much of a secret is kept and shown to recognise it by. */
const SHOWN_CHARS = 12;

/** Secrets of incoming webhooks: `hook_` and 256 random bits, of which only a keyed hash is kept. */
@Injectable()
export class HookSecrets {
  private readonly key: Buffer;

  constructor(@Inject(CONFIG) config: Config) {
    this.key = deriveKey(config.encryptionKey.reveal(), 'incoming webhook');
  }

  make(): string {
    return PREFIX + randomBytes(32).toString('base64url');
  }

  prefixOf(secret: string): string {
    return secret.slice(0, SHOWN_CHARS);
  }

  hash(secret: string): string {
    return createHmac('sha256', this.key).update(secret).digest('hex');
  }
}
