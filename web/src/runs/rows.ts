// The rows of a list: runs with the child runs that are unfolded, and groups with their runs.

import type { RunGroup } from "../api/runGroups";
import { PARENT_TAG, type Run } from "../api/runs";

/** A line of the list. */
export interface Line {
  run: Run;
  depth: number;
  /** How many child runs can be unfolded. */
  children: number;
}

/** A group, under which its runs unfold. */
interface GroupLine {
  group: RunGroup;
  depth: 0;
}

/** What stands in a row; nothing, while it is not read. */
export type Row = Line | GroupLine | undefined;

export function isGroup(row: Row): row is GroupLine {
  return !!row && "group" in row;
}

export function isLine(row: Row): row is Line {
  return !!row && !("group" in row);
}

/** Returns the id of the run or group of a row. */
export function idOf(row: Row): string | undefined {
  return isGroup(row) ? row.group.id : row?.run.id;
}

/** Returns whether something unfolds under a row. */
export function canUnfold(row: Row): boolean {
  return isGroup(row) || !!row?.children;
}

/** Returns the child runs that stand under a run: not it and those above it, as in circles of parents. */
export function childrenBelow(path: Run[], children: Run[] = []): Run[] {
  return children.filter((child) => !path.some(({ id }) => id === child.id));
}

/** Makes rows; one that is what it was stays the same object: what shows it has nothing to do. */
class Rows {
  readonly found: Row[] = [];

  constructor(
    private readonly before: Row[],
    private readonly childRuns: ReadonlyMap<string, Run[]>,
    private readonly nested: boolean,
  ) {}

  add(run: Run, depth: number, above: Run[] = []): void {
    const isChild = (other: Run) => other.tags.get(PARENT_TAG) === run.id;
    const children = this.nested ? run.children - above.filter(isChild).length : 0;
    const old = this.before[this.found.length];
    const same = isLine(old) && old.run === run && old.depth === depth && old.children === children;
    this.found.push(same ? old : { run, depth, children });
    const path = [...above, run];
    for (const child of childrenBelow(path, this.childRuns.get(run.id)))
      this.add(child, depth + 1, path);
  }

  addGroup(group: RunGroup): void {
    const old = this.before[this.found.length];
    this.found.push(isGroup(old) && old.group === group ? old : { group, depth: 0 });
  }
}

/** What rows are made of. */
interface Content {
  /** The child runs of those that are unfolded. */
  childRuns: ReadonlyMap<string, Run[]>;
  /** Whether child runs are folded under their parents. */
  nested: boolean;
}

/** Returns the rows of runs, by their place; one that is not read has an empty one. */
export function runRows(
  before: Row[],
  runs: (Run | undefined)[],
  total: number,
  { childRuns, nested }: Content,
): Row[] {
  const rows = new Rows(before, childRuns, nested);
  for (let place = 0; place < total; place++) {
    const run = runs[place];
    if (run) rows.add(run, 0);
    else rows.found.push(undefined);
  }
  return rows.found;
}

/** Returns the rows of groups, with the runs of those that are unfolded. */
export function groupRows(
  before: Row[],
  groups: RunGroup[],
  total: number,
  members: ReadonlyMap<string, Run[]>,
  { childRuns, nested }: Content,
): Row[] {
  const rows = new Rows(before, childRuns, nested);
  for (const group of groups) {
    rows.addGroup(group);
    for (const run of members.get(group.id) ?? []) rows.add(run, 1);
  }
  rows.found.length += Math.max(0, total - groups.length);
  return rows.found;
}
