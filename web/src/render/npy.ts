// Arrays as NumPy stores them (numpy.org/doc/stable/reference/generated/numpy.lib.format.html).

import type { ArrayFacts, ArrayPicture } from "./fileQuestions";
import { FileProblem, type FileSource } from "./fileSource";
import { heatColour } from "./heatColour";

const MOST_VALUES = 4_000_000;
const MOST_FIRST = 100;
const MOST_SIDE = 1_024;
const BINS = 64;

interface Header {
  start: number;
  dtype: string;
  isFortran: boolean;
  shape: number[];
}

export async function arrayFacts(file: FileSource): Promise<ArrayFacts> {
  const header = await readHeader(file);
  const { dtype, shape, isFortran } = header;
  const count = shape.reduce((product, length) => product * length, 1);
  const size = Number(/\d+$/.exec(dtype)?.[0] ?? 0) * (dtype[1] === "U" ? 4 : 1);
  const counted = Math.min(count, MOST_VALUES);
  const bytes = await file.read(header.start, header.start + counted * size);
  const values = numbersOf(bytes, dtype);
  const facts: ArrayFacts = {
    shape,
    dtype,
    order: isFortran ? "Fortran" : "C",
    count,
    counted: Math.min(counted, values?.length ?? 0),
    first: values ? firstNumbers(values) : firstTexts(bytes, dtype, size),
  };
  if (!values?.length) return facts;
  const picture = isFortran && shape.length !== 2 ? undefined : pictureOf(values, header);
  return { ...facts, ...statistics(values), ...(picture && { picture }) };
}

/** Reads what an array is, without its values. */
export async function readHeader(file: FileSource): Promise<Header> {
  const head = await file.read(0, 12);
  const isNpy = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59].every((byte, i) => head[i] === byte);
  if (!isNpy || head.length < 12) throw new FileProblem("This is no file of NumPy.");
  const view = new DataView(head.buffer);
  const isFirst = head[6] === 1;
  const length = isFirst ? view.getUint16(8, true) : view.getUint32(8, true);
  const start = (isFirst ? 10 : 12) + length;
  if (length > 1_000_000) throw new FileProblem("The header of this file is too long.");
  const text = new TextDecoder().decode(await file.read(isFirst ? 10 : 12, start));
  const dtype = /'descr':\s*'([^']*)'/.exec(text)?.[1];
  const shape = /'shape':\s*\(([^)]*)\)/.exec(text)?.[1];
  if (shape === undefined) throw new FileProblem("This is no file of NumPy.");
  return {
    start,
    dtype: dtype ?? "structured",
    isFortran: /'fortran_order':\s*True/.test(text),
    shape: shape
      .split(",")
      .filter((part) => part.trim())
      .map(Number),
  };
}

type Numbers = Float64Array | Float32Array | Int32Array | Uint8Array;

/** Returns values as numbers; nothing if they are none. */
function numbersOf(bytes: Uint8Array, dtype: string): Numbers | undefined {
  const kind = dtype.slice(1);
  const isLittle = dtype[0] !== ">";
  if (kind === "u1" || kind === "b1") return bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const read: Record<string, [number, (at: number) => number]> = {
    f8: [8, (at) => view.getFloat64(at, isLittle)],
    f4: [4, (at) => view.getFloat32(at, isLittle)],
    f2: [2, (at) => half(view.getUint16(at, isLittle))],
    i8: [8, (at) => Number(view.getBigInt64(at, isLittle))],
    u8: [8, (at) => Number(view.getBigUint64(at, isLittle))],
    i4: [4, (at) => view.getInt32(at, isLittle)],
    u4: [4, (at) => view.getUint32(at, isLittle)],
    i2: [2, (at) => view.getInt16(at, isLittle)],
    u2: [2, (at) => view.getUint16(at, isLittle)],
    i1: [1, (at) => view.getInt8(at)],
  };
  const [size, at] = read[kind] ?? [];
  if (!size || !at) return undefined;
  const values = new Float64Array(Math.floor(bytes.length / size));
  for (let i = 0; i < values.length; i++) values[i] = at(i * size);
  return values;
}

/** Returns a number of 16 bits. */
function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1_024) * 2 ** (exponent - 15);
}

function firstNumbers(values: Numbers): string[] {
  return [...values.subarray(0, MOST_FIRST)].map(String);
}

function firstTexts(bytes: Uint8Array, dtype: string, size: number): string[] {
  const isUnicode = dtype[1] === "U";
  if (!size || (!isUnicode && dtype[1] !== "S")) return [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const texts: string[] = [];
  for (let at = 0; at + size <= bytes.length && texts.length < MOST_FIRST; at += size) {
    let text = "";
    for (let i = 0; i < size && text.length < 200; i += isUnicode ? 4 : 1) {
      const code = isUnicode ? view.getUint32(at + i, dtype[0] !== ">") : view.getUint8(at + i);
      if (code) text += code <= 0x10ffff ? String.fromCodePoint(code) : "�";
    }
    texts.push(text);
  }
  return texts;
}

function statistics(values: Numbers): Pick<ArrayFacts, "numbers" | "histogram"> {
  let [min, max, sum, finite] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    finite += 1;
    sum += value;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  const notFinite = values.length - finite;
  if (!finite) return {};
  const mean = sum / finite;
  let squares = 0;
  const counts = new Array<number>(BINS).fill(0);
  const width = (max - min) / BINS;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    squares += (value - mean) ** 2;
    const bin = width ? Math.min(BINS - 1, Math.floor((value - min) / width)) : 0;
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  const numbers = { min, max, mean, deviation: Math.sqrt(squares / finite), notFinite };
  if (!width || !Number.isFinite(width)) return { numbers };
  const edges = Array.from({ length: BINS + 1 }, (_, i) => min + i * width);
  return { numbers, histogram: { edges, counts, not_finite: notFinite } };
}

/** Returns a picture of an array of two dimensions, of an image, or of the first of several. */
function pictureOf(values: Numbers, { shape, dtype, isFortran }: Header): ArrayPicture | undefined {
  const channels = shape.length > 2 ? (shape.at(-1) ?? 0) : 0;
  const isColour = dtype.endsWith("u1") && (channels === 3 || channels === 4);
  const dimensions = isColour ? shape.slice(0, -1) : shape;
  if (dimensions.length < 2) return undefined;
  const [rows = 0, columns = 0] = dimensions.slice(-2);
  const step = Math.max(1, Math.ceil(Math.max(rows, columns) / MOST_SIDE));
  const height = Math.floor(rows / step);
  const width = Math.floor(columns / step);
  if (
    width < 2 ||
    height < 2 ||
    rows * columns * (channels || 1) > values.length * (isColour ? 1 : channels || 1)
  )
    return undefined;
  const index = (y: number, x: number) => (isFortran ? x * rows + y : y * columns + x) * step;
  const told = [
    dimensions.length > 2 ? `the first of ${dimensions.slice(0, -2).join(" × ")}` : "",
    step > 1 ? `every ${step}th value of each row and column` : "",
  ].filter(Boolean);
  const pixels = new Uint8ClampedArray(width * height * 4);
  const shown = { width, height, pixels, told: told.join(", ") };
  if (isColour) {
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const from = index(y, x) * channels;
        const to = (y * width + x) * 4;
        for (let i = 0; i < 3; i++) pixels[to + i] = values[from + i] ?? 0;
        pixels[to + 3] = channels === 4 ? (values[from + 3] ?? 0) : 255;
      }
    return shown;
  }
  const found = new Float64Array(width * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) found[y * width + x] = values[index(y, x)] ?? 0;
  paint(found, pixels);
  return { ...shown, values: found };
}

function paint(values: Float64Array, pixels: Uint8ClampedArray): void {
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  values.forEach((value, i) => {
    const colour = Number.isFinite(value)
      ? heatColour(max > min ? (value - min) / (max - min) : 0)
      : [0, 0, 0, 0];
    pixels.set(colour, i * 4);
  });
}
