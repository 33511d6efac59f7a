// What runs logged by step: the series of their files, over all folders (series.ts has their names).

import { type Artifact, listFiles } from "../api/artifacts";
import { type Kind, kindOf } from "./kinds";
import { seriesFile } from "./series";

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
  const found = new Map<string, MediaSeries>();
  const lists = await Promise.all(runIds.map((run) => listFiles(run)));
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
