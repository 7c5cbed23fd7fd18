import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type Config, SealedColumn } from '@atrium/platform/config';
import type { WebhookRow } from './webhook.js';

type Place = Pick<WebhookRow, 'orgId' | 'id'>;

/** Signing secrets as the database keeps them: encrypted, and bound to their webhook. */
@Injectable()
export class WebhookSecrets {
  private readonly column: SealedColumn;

  constructor(@Inject(CONFIG) config: Config) {
    this.column = new SealedColumn(config, 'webhook secrets', 'webhooks', 'secret');
  }

  seal(secret: string, place: Place): Uint8Array<ArrayBuffer> {
    return this.column.seal(secret, place);
  }

  /** Those that sign at `now`, the present one first. */
  signing(row: WebhookRow, now: Date): string[] {
    const { previousSecret, previousSecretUntil } = row;
    const isKept = previousSecret !== null && previousSecretUntil !== null && previousSecretUntil > now;
    return [row.secret, ...(isKept ? [previousSecret] : [])].map((sealed) => this.column.open(sealed, row));
  }
}
