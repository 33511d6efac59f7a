// Lines that the programs of a run wrote on their consoles.

import { answered, api } from "./client";

export interface ConsoleLine {
  /** Its place in the console, from 1; numbers that are missing are lines that are not kept. */
  number: number;
  isError: boolean;
  /** Milliseconds since the epoch. */
  time: number;
  /** As it was written: control sequences may be in it. */
  text: string;
  /** The stream of a process that it comes from. */
  writer: number;
}

const PAGE_LINES = 10_000;

/** Returns a page of the lines after a number, and before another if that is not 0; none at the end. */
export async function listConsole(
  runId: string,
  after: number,
  before = 0,
): Promise<ConsoleLine[]> {
  const page = await answered(
    api.GET("/api/1.0/runstream/runs/list-console", {
      params: { query: { run_id: runId, after, before, max_results: PAGE_LINES } },
    }),
  );
  return (page.lines ?? []).map(
    ({ number = 0, stream, timestamp: time = 0, text = "", writer = 0 }) => ({
      number,
      isError: stream === "CONSOLE_STREAM_STDERR",
      time,
      text,
      writer,
    }),
  );
}
