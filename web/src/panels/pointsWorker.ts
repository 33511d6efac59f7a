// Makes a file of Parquet of the points that the server sends, away from the page.

import { ByteWriter, ParquetWriter, type SchemaElement } from "hyparquet-writer";

/** Where the points are, as ReadMetricHistory has them, and the names of their runs. */
export interface Wanted {
  url: string;
  names: Record<string, string>;
}

/** The file, or why there is none. */
export type Made = { file: Blob } | { problem: string };

// The file is made in memory: some 24 bytes a point, before it is compressed.
const MOST_POINTS = 10_000_000;
const POINTS_OF_GROUP = 262_144;

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
interface Part {
  run_id?: string;
  metrics?: { keys?: string[]; counts?: number[]; value?: (number | string)[] };
  message?: string;
  error_code?: string;
}

class TooMany extends Error {}

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
      if (points > MOST_POINTS) throw new TooMany();
      if (columns.value.length >= POINTS_OF_GROUP) write();
    }
    write();
    writer.finish();
    return { file: new Blob([out.getBuffer()]) };
  } catch (failure) {
    if (!(failure instanceof Error)) throw failure;
    const tooMany = `There are more than ${MOST_POINTS.toLocaleString()} points: zoom, or save CSV.`;
    return { problem: failure instanceof TooMany ? tooMany : failure.message };
  }
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
  if (part.error_code) throw new Error(part.message);
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

/** Yields the lines of an answer as they come. */
async function* linesOf(url: string): AsyncGenerator<string> {
  const answer = await fetch(url);
  if (!answer.ok || !answer.body) {
    const { message } = (await answer.json()) as Part;
    throw new Error(message ?? `The server answered ${answer.status}.`);
  }
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value = "" } = await reader.read();
    const lines = (rest + value).split("\n");
    rest = done ? "" : (lines.pop() ?? "");
    for (const line of lines) if (line) yield line;
    if (done) return;
  }
}
