// What happened to a run, in the order of time.

import type { Alert } from "../api/alerts";
import type { Artifact } from "../api/artifacts";
import type { Run, Status } from "../api/runs";
import type { RunChange } from "../api/watch";
import { shownName } from "../files/series";
import { bytes, count, counted, duration } from "../parts/format";

export interface RunEvent {
  /** Milliseconds since the epoch. */
  at: number;
  text: string;
  /** What it is about: a state, or something that was stored. */
  kind: "state" | "warn" | "bad" | "stored" | "tag";
}

const LOST_TAG = "runstream.lost";
const RESUMED_TAG = "runstream.resumed";
// A line of that tag: what the run was, since when, and when it went on.
const RESUMPTION = /^([A-Z]+)(?: at (\S+))?, RUNNING at (\S+)$/;
const ENDS: Partial<Record<Status, string>> = {
  FINISHED: "Finished",
  FAILED: "Failed",
  KILLED: "Killed",
};
// Files that came within a minute of each other are told as one.
const TOGETHER_MS = 60_000;

/** Returns the start of a run, each time that it ended or was lost and went on, and its end. */
export function statesOf(run: Run): RunEvent[] {
  const user = run.user && ` by ${run.user}`;
  const start: RunEvent = { at: run.start, text: `Started${user}`, kind: "state" };
  const before = [start, ...resumptionsOf(run)];
  if (run.end === null) return before;
  const lost = run.tags.get(LOST_TAG);
  const text = lost
    ? `Lost: its program was not heard of any more. ${lost}`
    : `${ENDS[run.status] ?? "Ended"} after ${duration(run.end - run.start)}`;
  const kind = lost || run.status === "FAILED" ? "bad" : "state";
  return [...before, { at: run.end, text, kind }];
}

function resumptionsOf(run: Run): RunEvent[] {
  return (run.tags.get(RESUMED_TAG) ?? "").split("\n").flatMap((line) => {
    const [, state = "", since, at = ""] = RESUMPTION.exec(line) ?? [];
    if (!Date.parse(at)) return [];
    const resumed: RunEvent = { at: Date.parse(at), text: "Resumed", kind: "state" };
    if (!since) return [resumed];
    const text = state === "LOST" ? "Lost" : (ENDS[state as Status] ?? state);
    const isBad = state === "LOST" || state === "FAILED";
    return [{ at: Date.parse(since), text, kind: isBad ? "bad" : "state" }, resumed];
  });
}

const LEVELS = {
  INFO: { word: "Alert", kind: "state" },
  WARN: { word: "Warning", kind: "warn" },
  ERROR: { word: "Error", kind: "bad" },
} as const;

/** Returns what alerts of a run tell. */
export function alertsOf(alerts: Alert[]): RunEvent[] {
  return alerts.map(({ at, title, level }) => {
    const { word, kind } = LEVELS[level];
    return { at, text: `${word}: ${title}`, kind };
  });
}

/** Returns what uploads of files tell: those that came together as one. */
export function uploadsOf(files: Artifact[]): RunEvent[] {
  const groups: Artifact[][] = [];
  for (const file of [...files].sort((a, b) => a.uploaded - b.uploaded)) {
    const last = groups.at(-1);
    if (last && file.uploaded - (last.at(-1)?.uploaded ?? 0) < TOGETHER_MS) last.push(file);
    else groups.push([file]);
  }
  return groups.map((group) => ({
    at: group[0]?.uploaded ?? 0,
    text: told(group),
    kind: "stored",
  }));
}

function told(files: Artifact[]): string {
  const size = bytes(files.reduce((sum, file) => sum + file.size, 0));
  if (files.length === 1) return `Stored ${nameOf(files[0])} (${size})`;
  const names = files.slice(0, 3).map(nameOf);
  const others = files.length - names.length;
  const rest = others > 0 ? ` and ${count(others)} more` : "";
  return `Stored ${counted(files.length, "file")} (${size}): ${names.join(", ")}${rest}`;
}

/** A path, with key and step in place of the name of a file of a series. */
function nameOf(file: Artifact | undefined): string {
  return file ? file.path.slice(0, -file.name.length) + shownName(file) : "";
}

/** Returns what a change tells that is committed while somebody looks. */
export function changesOf(change: RunChange, at: number): RunEvent[] {
  const found: RunEvent[] = [];
  const add = (text: string, kind: RunEvent["kind"]) => found.push({ at, text, kind });
  for (const { key = "", value = "" } of change.tags ?? [])
    if (key !== LOST_TAG && key !== RESUMED_TAG)
      add(`Tag ${key} set to “${value.slice(0, 100)}”`, "tag");
  for (const key of change.deleted_tags ?? [])
    if (key !== LOST_TAG) add(`Tag ${key} removed`, "tag");
  if (change.params?.length) add(`Logged ${counted(change.params.length, "param")}`, "stored");
  return found;
}
