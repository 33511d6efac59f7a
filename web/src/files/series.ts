// Files of a series over steps, which their names tell (docs/behaviour.md, K8).

import type { Artifact } from "../api/artifacts";

interface SeriesFile {
  key: string;
  step: bigint;
  timestamp: number;
  /** Whether it is the small picture that MLflow makes of an image. */
  isPreview: boolean;
}

// `KEY+step+7+timestamp+1700000000000+UUID.png`; MLflow 2 has % and # for + and ~.
const NAME = /^(.+)([+%])step\2(-?\d+)\2timestamp\2(\d+)\2[0-9a-f-]{36}(\2compressed)?\.\w+$/s;

/** Returns what the name of a file says, nothing if it belongs to no series. */
export function seriesFile(name: string): SeriesFile | undefined {
  const [, key, mark, step, timestamp, preview] = NAME.exec(name) ?? [];
  if (key === undefined || step === undefined) return undefined;
  return {
    key: key.replaceAll(mark === "+" ? "~" : "#", "/"),
    step: BigInt(step),
    timestamp: Number(timestamp),
    isPreview: !!preview,
  };
}

/** Returns how a file is called in a list. */
export function shownName(artifact: Artifact): string {
  const file = artifact.isFolder ? undefined : seriesFile(artifact.name);
  return file ? `${file.key}, step ${file.step}` : artifact.name;
}

const NAMES = new Intl.Collator("en", { numeric: true });

/** Returns a folder as people read it: folders first, `9` before `10`, files of a series by step. */
export function inOrder(artifacts: Artifact[]): Artifact[] {
  return artifacts
    .map((artifact) => {
      const file = artifact.isFolder ? undefined : seriesFile(artifact.name);
      return { artifact, file, name: file?.key ?? artifact.name };
    })
    .sort(
      (a, b) =>
        compare(b.artifact.isFolder, a.artifact.isFolder) ||
        NAMES.compare(a.name, b.name) ||
        compare(a.file?.step ?? 0n, b.file?.step ?? 0n) ||
        compare(a.file?.timestamp ?? 0, b.file?.timestamp ?? 0),
    )
    .map(({ artifact }) => artifact);
}

/** Returns the files of the series that a file belongs to, by step. */
export function filesOfSeries(files: Artifact[], name: string): Artifact[] {
  const key = seriesFile(name)?.key;
  const ending = suffix(name);
  // A preview of MLflow is of another kind than its image.
  return inOrder(
    files.filter(({ name }) => seriesFile(name)?.key === key && suffix(name) === ending),
  );
}

/** Returns the small pictures of a folder by the paths of the images that they show. */
export function smallImages(files: Artifact[]): Map<string, Artifact> {
  const stem = (path: string) => path.replace(/([+%]compressed)?\.\w+$/, "");
  const previews = files.filter(({ name }) => seriesFile(name)?.isPreview);
  if (!previews.length) return new Map();
  const ofStem = new Map(previews.map((file) => [stem(file.path), file]));
  return new Map(
    files.flatMap((file) => {
      const preview = ofStem.get(stem(file.path));
      return preview && preview !== file ? [[file.path, preview] as const] : [];
    }),
  );
}

function suffix(name: string): string {
  return name.slice(name.lastIndexOf("."));
}

function compare<T>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
