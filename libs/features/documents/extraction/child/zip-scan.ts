import yauzl from 'yauzl';
import { ExtractionFailed } from '../extraction-failed.js';

const MAX_ENTRIES = 2_000;
const MAX_ENTRY_BYTES = 50 * 2 ** 20;
const MAX_TOTAL_BYTES = 100 * 2 ** 20;
const MAX_RATIO = 200;
/** Below this an entry may be as repetitive as it likes. */
const RATIO_FROM_BYTES = 2 ** 20;
const LOCAL_HEADER_BYTES = 30;
const ZIP64_FIELD = 0x0001;

const bomb = (what: string) => new ExtractionFailed('too_complex', `The file is packed in a way that is not safe to open (${what}).`);
const damaged = () => new ExtractionFailed('corrupt', 'The file is damaged and cannot be unpacked; save it again and upload the new file.');

/**
 * Looks at every entry of a zip before anything else does: counts the bytes that really come out, whatever the headers claim, and
 * refuses what no office program writes (overlapping entries, two of one name, ZIP64, odd paths, document type definitions in XML).
 * @returns the names of the entries. @throws ExtractionFailed `too_complex`, `encrypted` or `corrupt`.
 */
export async function scanZip(fd: number): Promise<Set<string>> {
  const zip = await open(fd);
  const entries = await readDirectory(zip);
  refuseOverlaps(entries);
  let totalBytes = 0;
  for (const entry of entries) totalBytes = await countBytes(zip, entry, totalBytes);
  return new Set(entries.map((entry) => entry.fileName));
}

/** The names alone, without unpacking: what kind of zip is it? */
export async function zipEntryNames(fd: number): Promise<Set<string>> {
  return new Set((await readDirectory(await open(fd))).map((entry) => entry.fileName));
}

function open(fd: number): Promise<yauzl.ZipFile> {
  return new Promise((resolve, reject) => {
    yauzl.fromFd(
      fd,
      { lazyEntries: true, autoClose: false, validateEntrySizes: true, strictFileNames: true } as yauzl.Options,
      (error, zip) => (error ? reject(damaged()) : resolve(zip)),
    );
  });
}

function readDirectory(zip: yauzl.ZipFile): Promise<yauzl.Entry[]> {
  if (zip.entryCount > MAX_ENTRIES) throw bomb('too many entries');
  const entries: yauzl.Entry[] = [];
  const names = new Set<string>();
  return new Promise((resolve, reject) => {
    zip.on('error', () => reject(damaged()));
    zip.on('end', () => resolve(entries));
    zip.on('entry', (entry: yauzl.Entry) => {
      if ((entry.generalPurposeBitFlag & 1) !== 0) {
        return reject(new ExtractionFailed('encrypted', 'The file is protected by a password; remove it and upload the file again.'));
      }
      if (names.has(entry.fileName)) return reject(bomb('two entries of one name'));
      if (entry.extraFields.some((field) => field.id === ZIP64_FIELD)) return reject(bomb('ZIP64'));
      if (entries.length >= MAX_ENTRIES) return reject(bomb('too many entries'));
      names.add(entry.fileName);
      entries.push(entry);
      zip.readEntry();
    });
    zip.readEntry();
  });
}

function refuseOverlaps(entries: yauzl.Entry[]): void {
  let free = 0;
  for (const entry of [...entries].sort((a, b) => a.relativeOffsetOfLocalHeader - b.relativeOffsetOfLocalHeader)) {
    if (entry.relativeOffsetOfLocalHeader < free) throw bomb('overlapping entries');
    free = entry.relativeOffsetOfLocalHeader + LOCAL_HEADER_BYTES + entry.fileNameLength + entry.compressedSize;
  }
}

function countBytes(zip: yauzl.ZipFile, entry: yauzl.Entry, before: number): Promise<number> {
  if (entry.fileName.endsWith('/')) return Promise.resolve(before);
  return new Promise((resolve, reject) => {
    zip.openReadStream(entry, (error, stream) => {
      if (error) return reject(damaged());
      let bytes = 0;
      let head = '';
      const refuse = (failure: ExtractionFailed) => {
        stream.destroy();
        reject(failure);
      };
      stream.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > MAX_ENTRY_BYTES || before + bytes > MAX_TOTAL_BYTES) return refuse(bomb('it unpacks to too much'));
        if (bytes > RATIO_FROM_BYTES && bytes > entry.compressedSize * MAX_RATIO) return refuse(bomb('it is compressed too strongly'));
        if (/\.(xml|rels)$/i.test(entry.fileName)) {
          head = head.slice(-16) + chunk.toString('latin1').replaceAll('\0', '');
          if (/<!(DOCTYPE|ENTITY)/i.test(head)) return refuse(bomb('it defines XML entities'));
        }
        return undefined;
      });
      stream.on('error', (problem) =>
        reject(/too many bytes/.test(problem.message) ? bomb('an entry is larger than it claims') : damaged()),
      );
      stream.on('end', () => resolve(before + bytes));
    });
  });
}
