// What a run keeps of its program (clients/python/runstream/process/source_report.py): written by
// whoever logs, so nothing of its form is relied on.

import { listFolder, readText } from "../api/artifacts";

const FOLDER = "source";
const PROGRAM = "source/program.json";
const CHANGES = "source/changes.diff";

export interface Source {
  /** Facts by their titles: script, host, commit. */
  facts: [string, string][];
  /** Versions by the names of packages. */
  packages: Map<string, string>;
  /** Changes since the commit, one for each file. */
  changes: FileChange[];
}

export interface FileChange {
  path: string;
  text: string;
  added: number;
  removed: number;
}

const FACTS: [string, string[]][] = [
  ["Script", ["script"]],
  ["Arguments", ["arguments"]],
  ["Working folder", ["working_folder"]],
  ["Host", ["host"]],
  ["Platform", ["platform"]],
  ["Processors", ["processors"]],
  ["Commit", ["git", "commit"]],
  ["Branch", ["git", "branch"]],
  ["Remote", ["git", "remote"]],
  ["Changed files", ["git", "changed"]],
  ["Untracked files", ["git", "untracked"]],
  ["Changes", ["git", "diff"]],
  ["Python", ["python"]],
  ["Interpreter", ["executable"]],
];

/** Returns what a run keeps of its program; undefined if it keeps nothing. */
export async function readSource(runId: string): Promise<Source | undefined> {
  const paths = new Set((await listFolder(runId, FOLDER)).map((file) => file.path));
  const read = (path: string) => (paths.has(path) ? readText(runId, path) : "");
  const [program, changes] = await Promise.all([read(PROGRAM), read(CHANGES)]);
  if (!program && !changes) return undefined;
  const report = objectOf(program);
  return {
    facts: FACTS.flatMap(([title, path]): [string, string][] => {
      const text = textOf(path.reduce((value: unknown, key) => fieldOf(value, key), report));
      return text ? [[title, text]] : [];
    }),
    packages: new Map(
      Object.entries(fieldOf(report, "packages") ?? {}).map(([name, version]) => [
        name,
        textOf(version),
      ]),
    ),
    changes: changesOf(changes),
  };
}

/** Returns the changes of each file of what git wrote. */
function changesOf(diff: string): FileChange[] {
  return diff
    .split(/^(?=diff --git )/m)
    .filter((text) => text.trim())
    .map((text) => {
      const lines = text.split("\n");
      const path = /^\+\+\+ b\/(.*)$/m.exec(text)?.[1] ?? /^--- a\/(.*)$/m.exec(text)?.[1];
      const some = (mark: string) =>
        lines.filter((line) => line.startsWith(mark) && !line.startsWith(mark.repeat(3))).length;
      return {
        path: path ?? lines[0]?.replace(/^diff --git a\//, "").split(" b/")[0] ?? "",
        text,
        added: some("+"),
        removed: some("-"),
      };
    });
}

function objectOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function fieldOf(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined;
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return "";
  if (Array.isArray(value)) return value.map(textOf).join("\n");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
