// Arrow's IPC formats: files, of which Feather is one, and streams.

import { CompressionType, setCompressionCodec, tableFromIPC } from "@uwdata/flechette";
import { decompress as decompressZstd } from "fzstd";
import { FileProblem, type FileSource } from "../fileSource";
import { decompressFrame } from "./lz4";
import { MOST_COLUMNS, type TableSource } from "./source";

const MOST_BYTES = 64 * 1024 * 1024;
// Of one buffer, once it is decompressed.
const MOST_BUFFER = 256 * 1024 * 1024;

for (const [type, decompress] of [
  [
    CompressionType.ZSTD,
    (bytes: Uint8Array, length: number) => decompressZstd(bytes, new Uint8Array(length)),
  ],
  [CompressionType.LZ4_FRAME, decompressFrame],
] as const) {
  setCompressionCodec(type, {
    decode: (bytes: Uint8Array, length?: number) => {
      if (!length || length > MOST_BUFFER)
        throw new FileProblem("This file is too large to be shown.");
      return decompress(bytes, length);
    },
    encode: () => {
      throw new Error("nothing is written");
    },
  });
}

export async function arrowTable(file: FileSource): Promise<TableSource> {
  if (file.size > MOST_BYTES) {
    throw new FileProblem("Arrow files of more than 64 MiB are not shown here.");
  }
  const bytes = await file.read(0, file.size);
  const table = decoded(bytes);
  const names = table.names.slice(0, MOST_COLUMNS).map(String);
  if (!names.length) throw new FileProblem("This is no Arrow file.");
  const columns = names.map((name, i) => {
    const type = table.schema.fields[i]?.type;
    const kind = TYPES[type?.typeId ?? 0] ?? "";
    return { name, type: kind, isNumber: /^(int|float|decimal)$/.test(kind) };
  });
  const child = (i: number) => table.getChildAt(i);
  return {
    columns,
    total: table.numRows,
    rows: async (start, end) =>
      Array.from({ length: Math.max(0, end - start) }, (_, i) =>
        names.map((_, column) => child(column).at(start + i)),
      ),
    column: async (index) => child(index).toArray(),
  };
}

function decoded(bytes: Uint8Array) {
  try {
    return tableFromIPC(bytes, { useDate: true });
  } catch (error) {
    if (error instanceof FileProblem) throw error;
    throw new FileProblem("This is no Arrow file.");
  }
}

// The numbers of Schema.fbs.
const TYPES: Record<number, string> = {
  1: "null",
  2: "int",
  3: "float",
  4: "binary",
  5: "utf8",
  6: "bool",
  7: "decimal",
  8: "date",
  9: "time",
  10: "timestamp",
  11: "interval",
  12: "list",
  13: "struct",
  14: "union",
  16: "fixed-size list",
  17: "map",
  18: "duration",
  20: "utf8",
  21: "list",
  [-1]: "dictionary",
};
