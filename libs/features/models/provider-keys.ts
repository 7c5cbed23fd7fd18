import { Inject, Injectable } from '@nestjs/common';
import { Cipher, CONFIG, type Config, deriveKey, Secret } from '@atrium/platform/config';
import type { ProviderRow } from './provider.js';

type Place = Pick<ProviderRow, 'orgId' | 'id'>;

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

  open(row: Place & Pick<ProviderRow, 'apiKey'>): Secret<string> | null {
    return row.apiKey && new Secret(this.cipher.decrypt(row.apiKey, placeOf(row)));
  }
}

const placeOf = ({ orgId, id }: Place) => `${orgId}|model_providers|${id}|api_key`;
