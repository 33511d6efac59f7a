// Parquet, of which the parts are read that are in sight.

import { decompress as decompressZstd } from "fzstd";
import {
  type Compressors,
  type FileMetaData,
  parquetMetadataAsync,
  parquetRead,
  snappyUncompress,
} from "hyparquet";
import { gunzip } from "hyparquet-compressors/src/gzip.js";
import { FileProblem, type FileSource } from "../fileSource";
import { decompressBlock } from "./lz4";
import { MOST_COLUMNS, type TableSource } from "./source";

// Of one page, once it is decompressed: a file may claim any size.
const MOST_PAGE = 256 * 1024 * 1024;

const COMPRESSORS: Compressors = {
  SNAPPY: bounded(snappyUncompress),
  GZIP: bounded(gunzip),
  ZSTD: bounded(decompressZstd),
  LZ4_RAW: bounded((input, output) => decompressBlock(input, output, 0)),
  LZ4: () => {
    throw new FileProblem("This file is compressed by an old LZ4, which is not read here.");
  },
};

function bounded(decompress: (input: Uint8Array, output: Uint8Array) => unknown) {
  return (input: Uint8Array, length: number) => {
    if (length > MOST_PAGE) throw new FileProblem("This file is too large to be shown.");
    const output = new Uint8Array(length);
    decompress(input, output);
    return output;
  };
}

export async function parquetTable(source: FileSource): Promise<TableSource> {
  const file = {
    byteLength: source.size,
    slice: async (start: number, end?: number) =>
      (await source.read(start < 0 ? source.size + start : start, end ?? source.size))
        .buffer as ArrayBuffer,
  };
  let metadata: FileMetaData;
  try {
    metadata = await parquetMetadataAsync(file);
  } catch {
    throw new FileProblem("This is no Parquet file.");
  }
  const compressors = await compressorsOf(metadata);
  const columns = columnsOf(metadata).slice(0, MOST_COLUMNS);
  const names = columns.map(({ name }) => name);
  const read = async (columns: string[], start: number, end: number) => {
    let found: unknown[][] = [];
    await parquetRead({
      file,
      metadata,
      columns,
      rowStart: start,
      rowEnd: end,
      compressors,
      useOffsetIndex: true,
      onPage: () => source.step(),
      onComplete: (rows) => {
        found = rows;
      },
    });
    return found;
  };
  const kept = new Map<number, unknown[]>();
  return {
    columns,
    total: Number(metadata.num_rows),
    rows: (start, end) => read(names, start, end),
    column: async (index) => {
      const known = kept.get(index);
      if (known) return known;
      const rows = await read([names[index] ?? ""], 0, Number(metadata.num_rows));
      const values = rows.map((row) => row[0]);
      kept.set(index, values);
      return values;
    },
  };
}

/** Brotli has a dictionary of 80 kB, which is read for files that need it. */
async function compressorsOf({ row_groups }: FileMetaData): Promise<Compressors> {
  const isBrotli = row_groups.some(({ columns }) =>
    columns.some(({ meta_data }) => meta_data?.codec === "BROTLI"),
  );
  if (!isBrotli) return COMPRESSORS;
  const { decompressBrotli } = await import("hyparquet-compressors/src/brotli.js");
  const BROTLI = (input: Uint8Array, length: number) => {
    if (length > MOST_PAGE) throw new FileProblem("This file is too large to be shown.");
    return decompressBrotli(input, length);
  };
  return { ...COMPRESSORS, BROTLI };
}

/** Returns the columns at the top of the schema. */
function columnsOf(metadata: FileMetaData) {
  const columns: { name: string; type: string; isNumber: boolean }[] = [];
  const { schema } = metadata;
  for (let i = 1; i < schema.length; i += descendants(metadata, i) + 1) {
    const element = schema[i];
    if (!element) break;
    const logical = element.logical_type?.type ?? element.converted_type ?? "";
    const type = element.num_children ? "group" : logical || element.type || "";
    const isNumber =
      !element.num_children &&
      /^(INT32|INT64|INT96|FLOAT|DOUBLE)$/.test(element.type ?? "") &&
      !/TIME|DATE/.test(logical);
    columns.push({ name: element.name, type: type.toLowerCase(), isNumber });
  }
  return columns;
}

function descendants({ schema }: FileMetaData, at: number): number {
  let left = schema[at]?.num_children ?? 0;
  let count = 0;
  while (left > 0 && at + count + 1 < schema.length) {
    count += 1;
    left += (schema[at + count]?.num_children ?? 0) - 1;
  }
  return count;
}
