// Makes a file of Parquet of the points that the server sends, away from the page.

import { ByteWriter, ParquetWriter, type SchemaElement } from "hyparquet-writer";
import { ApiError, accepted, type ErrorBody, told } from "../api/apiError";

/** Where the points are, as ReadMetricHistory has them, and the names of their runs. */
export interface Wanted {
  url: string;
  names: Record<string, string>;
}

/** How many points are read by now; in the end the file, or why there is none. */
export type Made = { points: number } | { file: Blob } | { problem: string };

// The file is made in memory: some 24 bytes a point, before it is compressed.
const MOST_POINTS = 10_000_000;
const POINTS_OF_GROUP = 262_144;
// How long the server may send nothing: twice what it gives a read, unless it is told otherwise.
const SILENT_MS = 60_000;

const required = { repetition_type: "REQUIRED" } as const;
const text = { type: "BYTE_ARRAY", converted_type: "UTF8", ...required } as const;
const SCHEMA: SchemaElement[] = [
  { name: "points", num_children: 6 },
  { name: "run_id", ...text },
  { name: "run_name", ...text },
  { name: "metric", ...text },
  { name: "step", type: "INT64", ...required },
  { name: "timestamp", type: "INT64", ...required },
  { name: "value", type: "DOUBLE", ...required },
];

/** What the server sends in a line; whole numbers are read from its text, with all their digits. */
interface Part extends ErrorBody {
  run_id?: string;
  metrics?: { keys?: string[]; counts?: number[]; value?: (number | string)[] };
}

addEventListener("message", async ({ data }: MessageEvent<Wanted>) =>
  postMessage(await make(data)),
);

async function make({ url, names }: Wanted): Promise<Made> {
  const out = new ByteWriter();
  const writer = new ParquetWriter({ writer: out, schema: SCHEMA });
  const columns = newColumns();
  const write = () => {
    const data = Object.entries(columns).map(([name, column]) => ({ name, data: column }));
    writer.write({ columnData: data, rowGroupSize: POINTS_OF_GROUP });
    for (const column of Object.values(columns)) column.length = 0;
  };
  try {
    let points = 0;
    for await (const line of linesOf(url)) {
      points += take(line, columns, names);
      if (points > MOST_POINTS) throw tooMany();
      if (columns.value.length < POINTS_OF_GROUP) continue;
      write();
      postMessage({ points } satisfies Made);
    }
    write();
    writer.finish();
    return { file: new Blob([out.getBuffer()]) };
  } catch (failure) {
    if (!(failure instanceof Error)) throw failure;
    return { problem: failure.message };
  }
}

function tooMany(): ApiError {
  const limit = MOST_POINTS.toLocaleString();
  return new ApiError("TOO_MANY", `There are more than ${limit} points: zoom, or save CSV.`);
}

function newColumns() {
  return {
    run_id: [] as string[],
    run_name: [] as string[],
    metric: [] as string[],
    step: [] as bigint[],
    timestamp: [] as bigint[],
    value: [] as number[],
  };
}

/** Takes the points of a line, and returns how many they are. */
function take(
  line: string,
  columns: ReturnType<typeof newColumns>,
  names: Record<string, string>,
): number {
  const part = JSON.parse(line) as Part;
  if (part.error_code) throw told(part, 200);
  const { keys = [], counts = [], value = [] } = part.metrics ?? {};
  const runId = part.run_id ?? "";
  const name = names[runId] ?? "";
  keys.forEach((key, i) => {
    for (let rest = counts[i] ?? 0; rest > 0; rest--) {
      columns.run_id.push(runId);
      columns.run_name.push(name);
      columns.metric.push(key);
    }
  });
  for (const one of integers(line, "step")) columns.step.push(one);
  for (const one of integers(line, "timestamp")) columns.timestamp.push(one);
  for (const one of value) columns.value.push(Number(one)); // "NaN", "Infinity", "-Infinity", too
  return value.length;
}

/** Returns a column of whole numbers. Within a text of JSON no such name and bracket can stand. */
function integers(line: string, column: string): bigint[] {
  const found = new RegExp(`"${column}":\\s*\\[([^\\]]*)\\]`).exec(line)?.[1];
  return found ? found.split(",").map((one) => BigInt(one.trim())) : [];
}

/** Yields the lines of an answer as they come; raises ApiError if none come any more. */
async function* linesOf(url: string): AsyncGenerator<string> {
  const silence = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const hear = () => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(silent()), SILENT_MS);
  };
  hear();
  const asked = fetch(url, { signal: silence.signal }).catch((failure) => {
    throw failure instanceof ApiError ? failure : lost();
  });
  const answer = await accepted(await asked, "x-ndjson");
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    hear();
    const { done = true, value = "" } = (await reader?.read()) ?? {};
    const lines = (rest + value).split("\n");
    rest = done ? "" : (lines.pop() ?? "");
    for (const line of lines) if (line) yield line;
    if (done) break;
  }
  clearTimeout(timer);
}

function silent(): ApiError {
  return new ApiError("NO_ANSWER", `The server has sent nothing for ${SILENT_MS / 1000} seconds.`);
}

function lost(): ApiError {
  return new ApiError("SERVER_LOST", "The server cannot be reached.");
}
