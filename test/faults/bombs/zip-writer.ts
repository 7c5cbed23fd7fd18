import { deflateRawSync } from 'node:zlib';

/** One entry, with every lie that a header can tell. */
export interface ZipPart {
  name: string;
  content: Buffer | string;
  /** What the headers say the size is; default the truth. */
  claimedSize?: number;
  /** Already deflated content; `content` then only counts for the checksum. */
  deflated?: Buffer;
  extra?: Buffer;
  encrypted?: boolean;
}

/** A zip archive, well formed as far as its parts are. */
export function zipOf(parts: ZipPart[]): Buffer {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const part of parts) {
    const entry = packed(part);
    const local = localOf(entry);
    directory.push(directoryOf(entry, offset));
    locals.push(local);
    offset += local.length;
  }
  return Buffer.concat([...locals, ...directory, endOf(directory, offset)]);
}

/** Many directory entries that all point at the first part's bytes: little on disk, much when unpacked. */
export function overlappingZip(parts: ZipPart[], kernel: ZipPart, times: number): Buffer {
  const whole = zipOf([...parts, kernel]);
  const locals = whole.subarray(0, whole.readUInt32LE(whole.length - 6));
  const entry = packed(kernel);
  const kernelOffset = locals.length - localOf(entry).length;
  let offset = 0;
  const directory = parts.map((part) => {
    const own = packed(part);
    const header = directoryOf(own, offset);
    offset += localOf(own).length;
    return header;
  });
  for (let at = 0; at < times; at++) directory.push(directoryOf({ ...entry, name: Buffer.from(`word/media/${at}.xml`) }, kernelOffset));
  return Buffer.concat([locals, ...directory, endOf(directory, locals.length)]);
}

interface Packed {
  name: Buffer;
  data: Buffer;
  checksum: number;
  size: number;
  extra: Buffer;
  flags: number;
}

function packed(part: ZipPart): Packed {
  const content = Buffer.from(part.content);
  return {
    name: Buffer.from(part.name),
    data: part.deflated ?? deflateRawSync(content, { level: 9 }),
    checksum: crc(content),
    size: part.claimedSize ?? content.length,
    extra: part.extra ?? Buffer.alloc(0),
    flags: part.encrypted === true ? 1 : 0,
  };
}

function localOf(entry: Packed): Buffer {
  const header = Buffer.alloc(30);
  header.writeUInt32LE(0x04034b50, 0);
  header.writeUInt16LE(20, 4);
  header.writeUInt16LE(entry.flags, 6);
  writeSizes(header, 8, entry);
  return Buffer.concat([header, entry.name, entry.extra, entry.data]);
}

function directoryOf(entry: Packed, offset: number): Buffer {
  const header = Buffer.alloc(46);
  header.writeUInt32LE(0x02014b50, 0);
  header.writeUInt16LE(20, 4);
  header.writeUInt16LE(20, 6);
  header.writeUInt16LE(entry.flags, 8);
  writeSizes(header, 10, entry);
  header.writeUInt32LE(offset, 42);
  return Buffer.concat([header, entry.name, entry.extra]);
}

/** Method, time, date, checksum, sizes and name lengths have one layout in both headers. */
function writeSizes(header: Buffer, at: number, entry: Packed): void {
  header.writeUInt16LE(8, at);
  header.writeUInt32LE(entry.checksum, at + 6);
  header.writeUInt32LE(entry.data.length, at + 10);
  header.writeUInt32LE(entry.size, at + 14);
  header.writeUInt16LE(entry.name.length, at + 18);
  header.writeUInt16LE(entry.extra.length, at + 20);
}

function endOf(directory: Buffer[], offset: number): Buffer {
  const end = Buffer.alloc(22);
  const count = Math.min(directory.length, 0xffff);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(count, 8);
  end.writeUInt16LE(count, 10);
  end.writeUInt32LE(
    directory.reduce((sum, header) => sum + header.length, 0),
    12,
  );
  end.writeUInt32LE(offset, 16);
  return end;
}

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = (value & 1) === 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value >>> 0;
});

function crc(content: Buffer): number {
  let value = 0xffffffff;
  for (const byte of content) value = (TABLE[(value ^ byte) & 0xff] ?? 0) ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}
