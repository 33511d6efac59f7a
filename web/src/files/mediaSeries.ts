// What runs logged by step: the series of their files, over all folders (series.ts has their names).

import { type Artifact, firstFiles, listFiles, listFolder } from "../api/artifacts";
import { type Kind, kindOf } from "./kinds";
import { seriesFile } from "./series";

// Files of a run that are looked through to find which series there are, and lists that are read at a time.
const MOST_FIRST = 10_000;
const AT_ONCE = 4;

export interface StepFile {
  step: bigint;
  artifact: Artifact;
}

/** The files of one key in one folder of one run, by step. */
export interface RunSeries {
  runId: string;
  files: StepFile[];
}

/** A key that one or more runs logged files for. */
export interface MediaSeries {
  folder: string;
  key: string;
  kind: Kind;
  runs: RunSeries[];
}

/** Reads which series runs have; runs that are read together may have any order. */
export async function readMedia(runIds: string[]): Promise<MediaSeries[]> {
  return seriesOf(runIds, await Promise.all(runIds.map((run) => listFiles(run))));
}

/** Reads which series runs have among their first files by path. */
export async function readFirstMedia(runIds: string[]): Promise<MediaSeries[]> {
  const found = await Promise.all(runIds.map((run) => firstFiles(run, MOST_FIRST)));
  return seriesOf(
    runIds,
    found.map(({ files }) => files),
  );
}

/** Reads what runs have of the series of a key: of several kinds, one for each. */
export async function readSeries(
  runIds: string[],
  folder: string,
  key: string,
): Promise<MediaSeries[]> {
  const lists: Artifact[][] = [];
  for (let i = 0; i < runIds.length; i += AT_ONCE)
    lists.push(
      ...(await Promise.all(runIds.slice(i, i + AT_ONCE).map((run) => listOnce(run, folder)))),
    );
  return seriesOf(runIds, lists).filter((series) => series.key === key);
}

// Lists that are being read: panels of one folder ask for the same ones.
const asked = new Map<string, Promise<Artifact[]>>();

function listOnce(runId: string, folder: string): Promise<Artifact[]> {
  const id = `${runId}/${folder}`;
  const list = asked.get(id) ?? listFolder(runId, folder).finally(() => asked.delete(id));
  asked.set(id, list);
  return list;
}

function seriesOf(runIds: string[], lists: Artifact[][]): MediaSeries[] {
  const found = new Map<string, MediaSeries>();
  lists.forEach((files, i) => {
    for (const artifact of files) add(found, runIds[i] ?? "", artifact);
  });
  for (const { runs } of found.values()) {
    for (const { files } of runs) files.sort(inOrder);
  }
  return [...found.values()].sort(
    (a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind) || a.key.localeCompare(b.key),
  );
}

/** Returns whether two values that hold series are alike. */
export function isSame(a: unknown, b: unknown): boolean {
  const text = (value: unknown) =>
    JSON.stringify(value, (_, part) => (typeof part === "bigint" ? String(part) : part));
  return text(a) === text(b);
}

// What says most at a glance comes first.
const ORDER: Kind[] = ["html", "image", "svg", "video", "audio", "json", "csv"];

function add(found: Map<string, MediaSeries>, runId: string, artifact: Artifact): void {
  const file = seriesFile(artifact.name);
  if (!file || file.isPreview || !artifact.size) return;
  const folder = artifact.path.slice(0, -artifact.name.length - 1);
  const kind = kindOf(artifact.name);
  const id = JSON.stringify([folder, file.key, kind]);
  const series = found.get(id) ?? { folder, key: file.key, kind, runs: [] };
  found.set(id, series);
  let run = series.runs.find((run) => run.runId === runId);
  if (!run) {
    run = { runId, files: [] };
    series.runs.push(run);
  }
  run.files.push({ step: file.step, artifact });
}

function inOrder(a: StepFile, b: StepFile): number {
  if (a.step !== b.step) return a.step < b.step ? -1 : 1;
  return a.artifact.name < b.artifact.name ? -1 : 1;
}

/** Returns all steps of series, in order. */
export function stepsOf(series: readonly MediaSeries[]): bigint[] {
  const steps = new Set<bigint>();
  for (const { runs } of series) {
    for (const { files } of runs) for (const { step } of files) steps.add(step);
  }
  return [...steps].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

/** Returns the files of the last step at or before one: several may have been logged for it. */
export function filesAt(run: RunSeries | undefined, step: bigint): StepFile[] {
  const last = run?.files.findLast((file) => file.step <= step)?.step;
  return last === undefined ? [] : (run?.files.filter((file) => file.step === last) ?? []);
}
