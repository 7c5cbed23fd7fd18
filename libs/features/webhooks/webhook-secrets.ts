import { Inject, Injectable } from '@nestjs/common';
import { Cipher, CONFIG, type Config, deriveKey } from '@atrium/platform/config';
import type { WebhookRow } from './webhook.js';

type Place = Pick<WebhookRow, 'orgId' | 'id'>;

/** Signing secrets as the database keeps them: encrypted, and bound to their webhook. */
@Injectable()
export class WebhookSecrets {
  private readonly cipher: Cipher;

  constructor(@Inject(CONFIG) config: Config) {
    this.cipher = new Cipher(deriveKey(config.encryptionKey.reveal(), 'webhook secrets'));
  }

  seal(secret: string, place: Place): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.cipher.encrypt(secret, placeOf(place)));
  }

  /** Those that sign at `now`, the present one first. */
  signing(row: WebhookRow, now: Date): string[] {
    const { previousSecret, previousSecretUntil } = row;
    const isKept = previousSecret !== null && previousSecretUntil !== null && previousSecretUntil > now;
    return [row.secret, ...(isKept ? [previousSecret] : [])].map((sealed) => this.cipher.decrypt(sealed, placeOf(row)));
  }
}

const placeOf = ({ orgId, id }: Place) => `${orgId}|webhooks|${id}|secret`;
