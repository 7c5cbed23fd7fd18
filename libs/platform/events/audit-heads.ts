import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { OrgId } from '@atrium/contracts';
import { isSigned, sign } from './chain.js';

export interface AuditHead {
  seq: number;
  hash: string;
  signature: string;
}

/** The signed heads of the chains, outside the database: one small file per organization. Truncation and restored backups show here. */
export class AuditHeads {
  constructor(
    private readonly folder: string,
    private readonly key: Buffer,
  ) {}

  async write(orgId: OrgId, seq: number, hash: string): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const head: AuditHead = { seq, hash, signature: sign(this.key, orgId, seq, hash) };
    const temporary = join(this.folder, `${orgId}.${process.pid}.tmp`);
    const file = await open(temporary, 'w', 0o600);
    try {
      await file.writeFile(JSON.stringify(head));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, this.path(orgId));
  }

  /** The last head written; null when there is none; `forged` when its signature is not ours. */
  async read(orgId: OrgId): Promise<AuditHead | 'forged' | null> {
    let text: string;
    try {
      text = await readFile(this.path(orgId), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
    try {
      const head = JSON.parse(text) as AuditHead;
      return isSigned(this.key, orgId, head.seq, head.hash, head.signature) ? head : 'forged';
    } catch {
      return 'forged';
    }
  }

  private path(orgId: OrgId): string {
    return join(this.folder, `${orgId}.json`);
  }
}
