import { Inject, Injectable } from '@nestjs/common';
import type { ModelProvider } from '@atrium/contracts';
import { Cipher, CONFIG, type Config, deriveKey, Secret } from '@atrium/platform/config';
import { DomainError, Unavailable } from '@atrium/platform/errors';
import type { ProviderRow } from './provider.js';

type Place = Pick<ProviderRow, 'orgId' | 'id'>;
type SealedKey = Place & Pick<ProviderRow, 'apiKey' | 'name'>;

/** Keys of providers as the database keeps them: encrypted, and bound to their provider. */
@Injectable()
export class ProviderKeys {
  private readonly cipher: Cipher;

  constructor(@Inject(CONFIG) config: Config) {
    this.cipher = new Cipher(deriveKey(config.encryptionKey.reveal(), 'model provider keys'));
  }

  seal(key: string, place: Place): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.cipher.encrypt(key, placeOf(place)));
  }

  /** Null where there is none. @throws Unavailable `models.key_unreadable` */
  open(row: SealedKey): Secret<string> | null {
    try {
      return row.apiKey && new Secret(this.cipher.decrypt(row.apiKey, placeOf(row)));
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

const placeOf = ({ orgId, id }: Place) => `${orgId}|model_providers|${id}|api_key`;
