// The frames of LZ4 in which Feather has its buffers
// (github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md).

const MAGIC = 0x184d2204;
const NOT_COMPRESSED = 0x80000000;

/** Returns what a frame has; raises RangeError if it is no frame of so many bytes. */
export function decompressFrame(input: Uint8Array, length: number): Uint8Array {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  if (view.getUint32(0, true) !== MAGIC) throw new RangeError("no frame of LZ4");
  const flags = view.getUint8(4);
  const hasBlockSums = flags & 0x10;
  let at = 6 + (flags & 0x08 ? 8 : 0) + (flags & 0x01 ? 4 : 0) + 1;
  const output = new Uint8Array(length);
  let filled = 0;
  for (;;) {
    const size = view.getUint32(at, true);
    at += 4;
    if (size === 0) return output.subarray(0, filled);
    const bytes = size & ~NOT_COMPRESSED;
    const block = input.subarray(at, at + bytes);
    if (size & NOT_COMPRESSED) {
      output.set(block, filled);
      filled += block.length;
    } else {
      filled = decompressBlock(block, output, filled);
    }
    at += bytes + (hasBlockSums ? 4 : 0);
  }
}

/** Puts what a block has into the output, where it may point back to; returns where that ends. */
export function decompressBlock(block: Uint8Array, output: Uint8Array, start: number): number {
  let at = 0;
  let to = start;
  const more = (length: number) => {
    if (length < 15) return length;
    let sum = length;
    let byte = 255;
    while (byte === 255) {
      byte = block[at++] ?? 0;
      sum += byte;
    }
    return sum;
  };
  while (at < block.length) {
    const token = block[at++] ?? 0;
    const literals = more(token >> 4);
    output.set(block.subarray(at, at + literals), to);
    at += literals;
    to += literals;
    if (at >= block.length) return to;
    const offset = (block[at] ?? 0) | ((block[at + 1] ?? 0) << 8);
    at += 2;
    const length = more(token & 15) + 4;
    if (offset === 0 || offset > to || to + length > output.length)
      throw new RangeError("no block");
    for (let i = 0; i < length; i++, to++) output[to] = output[to - offset] ?? 0;
  }
  return to;
}
