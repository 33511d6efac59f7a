// What panels show until somebody chooses.

import type { Run } from "../api/runs";
import { useText } from "../parts/address";
import { type Column, parts } from "../runs/columns";
import { inOrderOfWeight } from "../runs/keyMetrics";
import { sortOf } from "../runs/sort";
import type { PanelContext } from "./panelContext";

const MOST_PARAMS = 4;
const MOST_METRICS = 2;

/** Returns the metric that the runs are sorted by, or else the one that matters most; empty if none has any. */
export function useFirstMetric({ live, list }: PanelContext): () => Column {
  const [sort] = useText("sort");
  return () => {
    const sorted = sortOf(sort())?.column ?? "";
    if (isOfMetric(sorted)) return sorted;
    // Parents often have none, and those of their child runs are columns.
    const key = inOrderOfWeight(keysOf(live.runs(), "metrics"))[0];
    return key === undefined ? (list?.columns().find(isOfMetric) ?? "") : `metrics.${key}`;
  };
}

/** Returns the first param that differs between runs, or the first of all. */
export function firstParam(runs: Run[]): Column | undefined {
  const [key] = differing(runs, keysOf(runs, "params"));
  return key && `params.${key}`;
}

/** Returns the axes to begin with: params that differ, and the metrics that matter, the first last. */
export function firstAxes(runs: Run[]): Column[] {
  // A run that lacks one of them is not drawn, so they are what most runs have.
  const most = (group: "params" | "metrics") =>
    keysOf(runs, group).filter(
      (key) => runs.filter((run) => run[group].has(key)).length > runs.length / 2,
    );
  const metrics = inOrderOfWeight(most("metrics")).slice(0, MOST_METRICS);
  return [
    ...differing(runs, most("params"))
      .slice(0, MOST_PARAMS)
      .map((key) => `params.${key}`),
    ...metrics.reverse().map((key) => `metrics.${key}`),
  ];
}

function isOfMetric(column: Column): boolean {
  return ["metrics", "minimum", "maximum"].includes(parts(column)[0]);
}

function keysOf(runs: Run[], group: "params" | "metrics"): string[] {
  return [...new Set(runs.flatMap((run) => [...run[group].keys()]))].sort();
}

/** Returns the params that differ between runs, or all where none does. */
function differing(runs: Run[], params: string[]): string[] {
  const valuesOf = (key: string) => new Set(runs.flatMap((run) => run.params.get(key) ?? []));
  const some = params.filter((key) => valuesOf(key).size > 1);
  return some.length ? some : params;
}
