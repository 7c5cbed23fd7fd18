import { Cipher, deriveKey } from './cipher.js';
import type { Config } from './config.js';

/** The row of an organization that a sealed value belongs to. */
interface Place {
  orgId: string;
  id: string;
}

/** A column of secrets as the database keeps it: encrypted under a key of its own purpose, and bound to table, row and column. */
export class SealedColumn {
  private readonly cipher: Cipher;

  /** `purpose` goes into the key: values sealed under another one do not open. */
  constructor(
    config: Pick<Config, 'encryptionKey'>,
    purpose: string,
    private readonly table: string,
    private readonly column: string,
  ) {
    this.cipher = new Cipher(deriveKey(config.encryptionKey.reveal(), purpose));
  }

  seal(text: string, place: Place): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.cipher.encrypt(text, this.at(place)));
  }

  /** @throws when the value was changed, moved or sealed under another key. */
  open(sealed: Uint8Array, place: Place): string {
    return this.cipher.decrypt(sealed, this.at(place));
  }

  private at({ orgId, id }: Place): string {
    return `${orgId}|${this.table}|${id}|${this.column}`;
  }
}
