import { byteOf, frame, type Frame, readText, zeroEnded } from './wire-frames.js';

/**
 * Statement names of one connection, made unlike those of the other connections that share the session. The nameless statement has no
 * name to change: it is remembered here and parsed again when another connection had the engine in between.
 */
export class PreparedNames {
  private readonly names = new Set<string>();
  private nameless: Buffer | null = null;

  constructor(private readonly connectionId: number) {}

  rewrite({ type, bytes }: Frame): Buffer {
    if (type === 'P') return this.rewriteParse(bytes);
    if (type === 'B') {
      const [portal, afterPortal] = readText(bytes, 5);
      const [name, afterName] = readText(bytes, afterPortal);
      return name ? frame('B', zeroEnded(portal), zeroEnded(this.own(name)), bytes.subarray(afterName)) : bytes;
    }
    if ((type === 'D' || type === 'C') && bytes[5] === byteOf('S')) {
      const [name] = readText(bytes, 6);
      if (name && type === 'C') this.names.delete(this.own(name));
      return name ? frame(type, Buffer.from('S'), zeroEnded(this.own(name))) : bytes;
    }
    return bytes;
  }

  /** What must be parsed again before `batch` runs in a fresh turn, or null. */
  missingFor(batch: readonly Frame[]): Buffer | null {
    for (const { type, bytes } of batch) {
      if (type === 'Q' || (type === 'P' && bytes[5] === 0)) return null;
      if (usesNameless(type, bytes)) return this.nameless;
    }
    return null;
  }

  /** Remembers the nameless statement that this batch leaves behind. */
  ranBatch(batch: readonly Frame[]): void {
    for (const { type, bytes } of batch) {
      if (type === 'Q') this.nameless = null;
      else if (type === 'P' && bytes[5] === 0) this.nameless = bytes;
    }
  }

  /** Messages that drop every statement of this connection. */
  closeAll(): Buffer {
    return Buffer.concat([...this.names].map((name) => frame('C', Buffer.from('S'), zeroEnded(name))));
  }

  get isEmpty(): boolean {
    return this.names.size === 0;
  }

  private rewriteParse(bytes: Buffer): Buffer {
    const [name, afterName] = readText(bytes, 5);
    if (!name) return bytes;
    this.names.add(this.own(name));
    return frame('P', zeroEnded(this.own(name)), bytes.subarray(afterName));
  }

  private own(name: string): string {
    return `c${this.connectionId}_${name}`;
  }
}

function usesNameless(type: string, bytes: Buffer): boolean {
  if (type === 'D') return bytes[5] === byteOf('S') && bytes[6] === 0;
  if (type !== 'B') return false;
  const [, afterPortal] = readText(bytes, 5);
  return bytes[afterPortal] === 0;
}
