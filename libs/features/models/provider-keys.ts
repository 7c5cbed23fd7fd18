import { Inject, Injectable } from '@nestjs/common';
import type { ModelProvider } from '@atrium/contracts';
import { CONFIG, type Config, SealedColumn, Secret } from '@atrium/platform/config';
import { DomainError, Unavailable } from '@atrium/platform/errors';
import type { ProviderRow } from './provider.js';

type Place = Pick<ProviderRow, 'orgId' | 'id'>;
type SealedKey = Place & Pick<ProviderRow, 'apiKey' | 'name'>;

/** Keys of providers as the database keeps them: encrypted, and bound to their provider. */
@Injectable()
export class ProviderKeys {
  private readonly column: SealedColumn;

  constructor(@Inject(CONFIG) config: Config) {
    this.column = new SealedColumn(config, 'model provider keys', 'model_providers', 'api_key');
  }

  seal(key: string, place: Place): Uint8Array<ArrayBuffer> {
    return this.column.seal(key, place);
  }

  /** Null where there is none. @throws Unavailable `models.key_unreadable` */
  open(row: SealedKey): Secret<string> | null {
    try {
      return row.apiKey && new Secret(this.column.open(row.apiKey, row));
    } catch {
      const why = 'cannot be read: it was saved under another encryption key, or was changed.';
      throw new Unavailable(
        'models.key_unreadable',
        `The key of the model provider ${row.name} ${why} An administrator has to enter it again.`,
        { retryable: false },
      );
    }
  }

  /** What keeps the provider from being asked; null where nothing does. */
  faultOf(row: SealedKey): ModelProvider['failure'] {
    try {
      this.open(row);
      return null;
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      return { code: error.code, message: error.message };
    }
  }
}
