// The console of a run as far as it is kept, and what is written while it is looked at.

import { createEffect, createSignal, on, onCleanup } from "solid-js";
import { type ApiError, shown } from "../api/client";
import { type ConsoleLine, listConsole } from "../api/console";
import type { LiveRuns } from "../runs/liveRuns";
import { type Look, lookAfter, PLAIN, plainText } from "./ansi";

/** A line, or the place of lines that are not kept. */
export interface Line extends ConsoleLine {
  /** What is to be read of it. */
  plain: string;
  /** How its text begins to look: as that of its writer ended before. */
  look: Look;
  /** How many lines are not kept here; 0 for a line. */
  missing: number;
}

// Characters that are kept, as the server keeps bytes: the first and the last ones. The last ones
// may be some more, so that they are seldom shortened.
const HEAD = 4 * 1024 * 1024;
const KEPT = 16 * 1024 * 1024;
const MOST_KEPT = 20 * 1024 * 1024;
const LINE = 64; // a line beside its text

// Fewer lines are read again at once, rather than one by one.
const NEAR = 500;
const MOST_WRITERS = 20;

/** Lines in the order of their numbers. */
class Lines {
  readonly all: Line[] = [];
  /** Characters of the longest line. */
  longest = 0;
  private size = 0;
  private readonly writers = new Map<number, { last: number; look: Look }>();

  get last(): number {
    return this.all.at(-1)?.number ?? 0;
  }

  /** Returns the numbers of lines from one on whose text may still change: each writer's last. */
  open(from: number): number[] {
    return [...this.writers.values()].map(({ last }) => last).filter((last) => last >= from);
  }

  put(read: ConsoleLine): void {
    const at = read.number > this.last ? this.all.length : this.find(read.number);
    const old = this.all[at];
    if (old ? old.number !== read.number || old.missing : read.number <= this.last) return;
    const writer = this.writers.get(read.writer);
    const look = old?.look ?? writer?.look ?? PLAIN;
    const line = { ...read, plain: plainText(read.text), look, missing: 0 };
    if (!old && read.number > this.last + 1) this.all.push(gap(this.last, read.number));
    if (old) this.all[at] = line;
    else this.all.push(line);
    if ((writer?.last ?? 0) <= read.number)
      this.writers.set(read.writer, { last: read.number, look: lookAfter(read.text, look) });
    this.size += read.text.length - (old ? old.text.length : -LINE);
    this.longest = Math.max(this.longest, line.plain.length);
  }

  /** Leaves out the oldest of the last lines, if there are too many, as the server does. */
  trim(): void {
    if (this.size <= MOST_KEPT) return;
    let start = 0;
    for (let head = 0; head < HEAD; start++) head += sizeOf(this.all[start]);
    let end = start;
    for (; this.size > KEPT; end++) this.size -= sizeOf(this.all[end]);
    const [before, after] = [this.all[start - 1]?.number ?? 0, this.all[end]?.number ?? 0];
    this.all.splice(start, end - start, gap(before, after));
  }

  private find(number: number): number {
    let [low, high] = [0, this.all.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.all[middle]?.number ?? 0) < number) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Reads the console of a run, and goes on with it while the component is there. */
export function createConsoleLines(runId: string, live: LiveRuns) {
  const lines = new Lines();
  const [changes, setChanges] = createSignal(0);
  const [error, setError] = createSignal<ApiError>();
  const [loading, setLoading] = createSignal(true);
  let wanted = 0; // the first line to read again; 0 if there is none
  let reading = false;
  let over = false;

  const take = (read: ConsoleLine[]) => {
    if (over) return;
    for (const line of read) lines.put(line);
    lines.trim();
    setChanges((count) => count + 1);
  };
  const readAfter = async (after: number) => {
    for (let from = after; !over; ) {
      const page = await listConsole(runId, from);
      if (!page.length) return;
      take(page);
      from = page.at(-1)?.number ?? from;
    }
  };
  // A progress bar may stand far above the last line: it alone is read again.
  const readFrom = async (from: number) => {
    const last = lines.last;
    const open = [...new Set([from, ...lines.open(from)])].filter((number) => number <= last);
    if (last - from < NEAR || open.length > MOST_WRITERS) return readAfter(from - 1);
    for (const number of open) take(await listConsole(runId, number - 1, number + 1));
    await readAfter(last);
  };
  const read = async (from: number) => {
    wanted = Math.min(wanted || from, from);
    if (reading) return;
    reading = true;
    try {
      while (wanted && !over) {
        const next = wanted;
        wanted = 0;
        await readFrom(next);
      }
      setError(undefined);
    } catch (failure) {
      setError(shown(failure));
    }
    reading = false;
    setLoading(false);
  };

  live.listen((all) => {
    for (const change of all)
      if (change.run_id === runId && change.console_line) read(change.console_line);
  });
  // At first, and when something may have been missed.
  createEffect(on(live.begun, (count) => count && read(1)));
  onCleanup(() => {
    over = true;
  });

  return {
    /** All lines; the list is the same one after a change. */
    lines: () => {
      changes();
      return lines.all;
    },
    /** Characters of the longest line. */
    longest: () => {
      changes();
      return lines.longest;
    },
    error,
    loading,
    again: () => read(1),
  };
}

function gap(before: number, after: number): Line {
  const missing = after - before - 1;
  const line = { number: after - 1, isError: false, time: 0, text: "", writer: 0 };
  return { ...line, plain: "", look: PLAIN, missing };
}

function sizeOf(line: Line | undefined): number {
  return !line || line.missing ? 0 : line.text.length + LINE;
}
