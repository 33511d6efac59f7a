// What a zip has, of which only the parts are read that somebody asks for (APPNOTE.TXT of PKWARE).

import { FileProblem, type FileSource } from "./fileSource";

export interface ZipEntry {
  name: string;
  size: number;
  packed: number;
  isDeflated: boolean;
  /** Where its local header is. */
  at: number;
}

const END = 0x06054b50;
const END_64 = 0x06064b50;
const ENTRY = 0x02014b50;
const LOCAL = 0x04034b50;
const END_SIZE = 22;
const LOCATOR_SIZE = 20;
const MOST_COMMENT = 65_535;
const MOST_DIRECTORY = 16 * 1024 * 1024;
// Of one entry, once it is inflated, and of a read of what it is inflated of.
const MOST_INFLATED = 64 * 1024 * 1024;
const PART = 1024 * 1024;

/** Lists the entries of a zip, the first `most`, and tells how many there are. */
export async function zipEntries(
  file: FileSource,
  most: number,
): Promise<{ entries: ZipEntry[]; total: number }> {
  const { start, end } = await directoryOf(file);
  if (end - start > MOST_DIRECTORY) throw new FileProblem("This file has too many parts.");
  const bytes = await file.read(start, end);
  const view = new DataView(bytes.buffer);
  const entries: ZipEntry[] = [];
  let total = 0;
  for (let at = 0; at + 46 <= bytes.length && view.getUint32(at, true) === ENTRY; total += 1) {
    const [name, extra, comment] = [28, 30, 32].map((place) => view.getUint16(at + place, true));
    const after = at + 46 + (name ?? 0);
    if (entries.length < most) entries.push(entryOf(view, at, after, after + (extra ?? 0)));
    at = after + (extra ?? 0) + (comment ?? 0);
  }
  return { entries, total };
}

/** Returns where the directory begins and ends, which is told at the end of the file. */
async function directoryOf(file: FileSource): Promise<{ start: number; end: number }> {
  const from = Math.max(0, file.size - END_SIZE - MOST_COMMENT);
  const bytes = await file.read(from, file.size);
  const view = new DataView(bytes.buffer);
  let at = bytes.length - END_SIZE;
  while (at >= 0 && view.getUint32(at, true) !== END) at -= 1;
  if (at < 0) throw new FileProblem("This is no file of NumPy.");
  const [size, start] = [view.getUint32(at + 12, true), view.getUint32(at + 16, true)];
  if (start !== 0xffffffff && size !== 0xffffffff) return { start, end: start + size };
  // A file of more than 4 GiB has its end once more, with numbers of 64 bits.
  const locator = at - LOCATOR_SIZE;
  const found = locator < 0 ? 0 : Number(view.getBigUint64(locator + 8, true));
  const long = new DataView((await file.read(found, found + 56)).buffer);
  if (long.byteLength < 56 || long.getUint32(0, true) !== END_64)
    throw new FileProblem("This file is cut off.");
  const begin = Number(long.getBigUint64(48, true));
  return { start: begin, end: begin + Number(long.getBigUint64(40, true)) };
}

function entryOf(view: DataView, at: number, after: number, end: number): ZipEntry {
  const method = view.getUint16(at + 10, true);
  const isLocked = view.getUint16(at + 8, true) & 1;
  if (isLocked || (method !== 0 && method !== 8))
    throw new FileProblem("This file is packed in a way that is not read here.");
  const name = new TextDecoder().decode(
    new Uint8Array(view.buffer, view.byteOffset + at + 46, Math.max(0, after - at - 46)),
  );
  // Numbers that have no room stand behind the name, in this order.
  let more = longNumbers(view, after, end);
  const number = (place: number) => {
    const short = view.getUint32(at + place, true);
    if (short !== 0xffffffff || more + 8 > end) return short;
    more += 8;
    return Number(view.getBigUint64(more - 8, true));
  };
  const size = number(24);
  const packed = number(20);
  return { name, size, packed, isDeflated: method === 8, at: number(42) };
}

/** Returns where the numbers of 64 bits of an entry are; its end, if it has none. */
function longNumbers(view: DataView, from: number, end: number): number {
  for (let at = from; at + 4 <= end; at += 4 + view.getUint16(at + 2, true))
    if (view.getUint16(at, true) === 1) return at + 4;
  return end;
}

/** Returns an entry as a file: one that is deflated is inflated as far as it is read. */
export async function entrySource(file: FileSource, entry: ZipEntry): Promise<FileSource> {
  const head = new DataView((await file.read(entry.at, entry.at + 30)).buffer);
  if (head.byteLength < 30 || head.getUint32(0, true) !== LOCAL)
    throw new FileProblem("This file is cut off.");
  const start = entry.at + 30 + head.getUint16(26, true) + head.getUint16(28, true);
  const { name, size, packed } = entry;
  const part = { name, size, step: file.step };
  if (!entry.isDeflated)
    return {
      ...part,
      read: (from, to) => file.read(start + from, start + Math.min(to, size)),
    };
  let known = new Uint8Array(0);
  return {
    ...part,
    read: async (from, to) => {
      const end = Math.min(to, size);
      if (end > MOST_INFLATED) throw new FileProblem("This file is too large to be shown.");
      if (known.length < end) known = await inflate(file, start, start + packed, end);
      return known.slice(from, end);
    },
  };
}

/** Inflates what is between two places of a file, up to a length. */
async function inflate(file: FileSource, start: number, end: number, length: number) {
  const found = new Uint8Array(length);
  let at = start;
  const source = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull: async (stream) => {
      if (at >= end) return stream.close();
      stream.enqueue(await file.read(at, Math.min(end, at + PART)));
      at += PART;
    },
  });
  const reader = source.pipeThrough(new DecompressionStream("deflate-raw")).getReader();
  let filled = 0;
  try {
    while (filled < length) {
      const { done, value } = await reader.read();
      if (done) break;
      const part = value.subarray(0, length - filled);
      found.set(part, filled);
      filled += part.length;
    }
  } catch {
    throw new FileProblem("This file is damaged.");
  }
  await reader.cancel();
  file.step();
  return found.subarray(0, filled);
}
