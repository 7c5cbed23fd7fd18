/** The largest message that a client may send, in bytes, and the most that it may send ahead of a Sync. */
export const MAX_FRAME_BYTES = 64 * 1024 * 1024;
/** Before a client has authenticated it may send no more than this in one message (PostgreSQL's own limit). */
export const MAX_STARTUP_BYTES = 10_000;

export const SSL_REQUEST = 80877103;
export const GSSENC_REQUEST = 80877104;
export const CANCEL_REQUEST = 80877102;
export const PROTOCOL_MAJOR = 3;

/** The client broke the protocol, or asked for what this server refuses: told as FATAL, then the connection ends. */
export class WireError extends Error {
  constructor(
    readonly sqlState: string,
    message: string,
  ) {
    super(message);
    this.name = 'WireError';
  }
}

export const byteOf = (type: string): number => type.charCodeAt(0);

export const zeroEnded = (text: string): Buffer => Buffer.from(`${text}\0`);

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

/** One typed message: type byte, length, body. */
export function frame(type: string, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body]);
}

export const queryFrame = (sql: string): Buffer => frame('Q', zeroEnded(sql));
export const syncFrame = (): Buffer => frame('S');
export const readyFrame = (): Buffer => frame('Z', Buffer.from('I'));

export const fatalFrame = (sqlState: string, message: string): Buffer =>
  frame('E', zeroEnded('SFATAL'), zeroEnded('VFATAL'), zeroEnded(`C${sqlState}`), zeroEnded(`M${message}`), Buffer.from([0]));

/** The zero-ended text at `offset` and the offset after it. */
export function readText(bytes: Buffer, offset: number): [text: string, next: number] {
  const end = bytes.indexOf(0, offset);
  if (end === -1) throw new WireError('08P01', 'invalid string in message');
  return [bytes.toString('utf8', offset, end), end + 1];
}

export interface Frame {
  /** The type byte as a character; a start-up message has none and says ''. */
  type: string;
  /** The whole message, header included. */
  bytes: Buffer;
}

/** Cuts what arrives on a socket into messages, without copying a large message once per arriving piece. */
export class FrameReader {
  private pieces: Buffer[] = [];
  private size = 0;

  push(piece: Buffer): void {
    this.pieces.push(piece);
    this.size += piece.length;
  }

  /** The next whole start-up message (which has no type byte), or null when more must arrive. */
  nextStartup(): Frame | null {
    const header = this.peek(4);
    if (!header) return null;
    const length = header.readInt32BE(0);
    if (length < 8 || length > MAX_STARTUP_BYTES) throw new WireError('08P01', 'invalid length of startup packet');
    return this.take('', length);
  }

  /** The next whole typed message, or null when more must arrive. */
  next(maxBytes: number): Frame | null {
    const header = this.peek(5);
    if (!header) return null;
    const length = header.readInt32BE(1);
    if (length < 4) throw new WireError('08P01', 'invalid message length');
    if (length > maxBytes) throw new WireError('54000', `a message may have at most ${maxBytes} bytes`);
    return this.take(header.toString('latin1', 0, 1), length + 1);
  }

  private peek(count: number): Buffer | null {
    if (this.size < count) return null;
    const first = this.pieces[0];
    if (first && first.length >= count) return first;
    return this.join();
  }

  private take(type: string, length: number): Frame | null {
    if (this.size < length) return null;
    const first = this.pieces[0];
    const all = first && first.length >= length ? first : this.join();
    const rest = all.subarray(length);
    this.size -= length;
    if (rest.length) this.pieces[0] = rest;
    else this.pieces.shift();
    return { type, bytes: all.subarray(0, length) };
  }

  private join(): Buffer {
    const all = Buffer.concat(this.pieces);
    this.pieces = [all];
    return all;
  }
}

/** Every message in `bytes`, which the engine always ends at a message's end. */
export function* framesOf(bytes: Buffer): Generator<Frame> {
  let at = 0;
  while (at + 5 <= bytes.length) {
    const end = at + 1 + bytes.readInt32BE(at + 1);
    yield { type: bytes.toString('latin1', at, at + 1), bytes: bytes.subarray(at, end) };
    at = end;
  }
}
