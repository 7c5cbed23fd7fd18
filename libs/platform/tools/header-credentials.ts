import type { HeaderCredential, ProblemCode } from '@atrium/contracts';
import { type Config, SealedColumn } from '@atrium/platform/config';
import { Unavailable } from '@atrium/platform/errors';

/** The columns of a row that has a credential: null without one. */
interface Sealed {
  credentialHeader: string | null;
  credential: Uint8Array<ArrayBuffer> | null;
}
interface Place {
  orgId: string;
  id: string;
}

/** Whose credentials they are. */
interface Owners {
  table: string;
  /** Goes into the key: what was sealed under another one does not open. */
  purpose: string;
  /** One of them, in words. */
  what: string;
  /** Of the failure when one cannot be read. */
  code: ProblemCode;
}

/** Credentials that are sent in a header, as the database keeps them in the column `credential`: encrypted, and bound to their row. */
export class HeaderCredentials {
  private readonly column: SealedColumn;

  constructor(
    config: Config,
    private readonly owners: Owners,
  ) {
    this.column = new SealedColumn(config, owners.purpose, owners.table, 'credential');
  }

  seal(credential: HeaderCredential | null, place: Place): Sealed {
    if (credential === null) return { credentialHeader: null, credential: null };
    const [header, value] = headerOf(credential);
    return { credentialHeader: header, credential: this.column.seal(value, place) };
  }

  /** The headers that carry it. @throws Unavailable when it cannot be read */
  headersOf(row: Place & Sealed & { name: string }): Record<string, string> {
    if (row.credentialHeader === null || row.credential === null) return {};
    try {
      return { [row.credentialHeader]: this.column.open(row.credential, row) };
    } catch {
      const why = 'cannot be read: it was saved under another encryption key, or was changed.';
      const { code, what } = this.owners;
      throw new Unavailable(code, `The credential of the ${what} ${row.name} ${why} An administrator has to enter it again.`, {
        retryable: false,
      });
    }
  }
}

/** What a system said, without the credential that it was sent in these headers: some echo what they get. Shorter ones than 8 characters stay, which would be words. */
export function withoutCredential(said: Buffer, headers: Record<string, string>): Buffer {
  const secrets = Object.values(headers).map((value) => value.replace(/^(Bearer|Basic) /, ''));
  const echoed = secrets.filter((secret) => secret.length > 7 && said.includes(secret));
  return echoed.length === 0
    ? said
    : Buffer.from(echoed.reduce((text, secret) => text.replaceAll(secret, '[credential]'), said.toString('utf8')));
}

function headerOf(credential: HeaderCredential): [name: string, value: string] {
  if (credential.kind === 'header') return [credential.name, credential.value];
  if (credential.kind === 'bearer') return ['Authorization', `Bearer ${credential.token}`];
  return ['Authorization', `Basic ${Buffer.from(`${credential.user}:${credential.password}`).toString('base64')}`];
}
