// Messages of Protobuf in a file, field by field: what is not wanted of it is not read.

import { FileProblem, type FileSource } from "./fileSource";

const WINDOW = 256 * 1024;

export interface Field {
  number: number;
  /** Of a number. */
  value: number;
  /** Of a text, bytes or a message: where it stands. */
  start: number;
  end: number;
}

/** Reads the fields of messages, through a window that moves over the file. */
export class FieldReader {
  private window = new Uint8Array();
  private windowStart = 0;

  constructor(private readonly file: FileSource) {}

  /** Yields the fields of a message that stands from `start` to before `end`. */
  async *fields(start: number, end: number): AsyncGenerator<Field> {
    let at = start;
    while (at < end) {
      const [tag, next] = await this.varint(at);
      const number = Math.floor(tag / 8);
      at = next;
      const kind = tag % 8;
      if (kind === 0) {
        const [value, after] = await this.varint(at);
        yield { number, value, start: at, end: after };
        at = after;
      } else if (kind === 2) {
        const [length, from] = await this.varint(at);
        if (from + length > end) throw new FileProblem("This file is damaged.");
        yield { number, value: 0, start: from, end: from + length };
        at = from + length;
      } else if (kind === 1 || kind === 5) {
        at += kind === 1 ? 8 : 4;
      } else {
        throw new FileProblem("This is no such file.");
      }
    }
  }

  async text({ start, end }: Field, most = 1_000): Promise<string> {
    const bytes = await this.bytes(start, Math.min(end, start + most));
    return new TextDecoder().decode(bytes) + (end - start > most ? "…" : "");
  }

  /** Returns the numbers of a field, which may be packed. */
  async numbers(field: Field, most: number): Promise<number[]> {
    const found: number[] = [];
    for (let at = field.start; at < field.end && found.length < most; ) {
      const [value, next] = await this.varint(at);
      found.push(value);
      at = next;
    }
    return found;
  }

  private async varint(at: number): Promise<[number, number]> {
    const bytes = await this.bytes(at, at + 10);
    let value = 0n;
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i] ?? 0;
      value |= BigInt(byte & 127) << BigInt(7 * i);
      if (byte < 128) return [Number(BigInt.asIntN(64, value)), at + i + 1];
    }
    throw new FileProblem("This file is damaged.");
  }

  private async bytes(start: number, end: number): Promise<Uint8Array> {
    const windowEnd = this.windowStart + this.window.length;
    if (start < this.windowStart || Math.min(end, this.file.size) > windowEnd) {
      this.windowStart = start;
      this.window = await this.file.read(start, Math.max(end, start + WINDOW));
      this.file.step();
    }
    return this.window.subarray(start - this.windowStart, end - this.windowStart);
  }
}
