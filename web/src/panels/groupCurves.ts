// From what groups have in common to curves with bands, and to the rows of a file.

import type { Band, Centre, GroupedHistory } from "../api/groupedHistories";
import type { RunGroup } from "../api/runGroups";
import { title } from "../runs/columns";
import type { DrawnGroups } from "../runs/drawnGroups";
import { type Curve, curve, type Settings } from "./curves";

/** Returns the curves of groups, in the order of the groups and then of the metrics of a panel. */
export function groupCurves(
  histories: GroupedHistory[],
  groups: RunGroup[],
  metrics: string[],
  settings: Settings,
): Curve[] {
  const byName = new Map(histories.map((one) => [JSON.stringify([one.group, one.metric]), one]));
  return groups.flatMap(({ id }) =>
    metrics.flatMap((name, place) => {
      const found = byName.get(JSON.stringify([id, name]));
      return found ? [groupCurve(found, settings, { name, place })] : [];
    }),
  );
}

function groupCurve(
  { group, steps, counts, runs, centre, low, high }: GroupedHistory,
  settings: Settings,
  item: { name: string; place: number },
): Curve {
  const history = { runId: group, range: {}, steps, timestamps: [], values: centre };
  const plain = curve(history, 0, { ...settings, smoothing: undefined }, item);
  // On a logarithmic axis the first steps have no place.
  const first = steps.length - plain.xs.length;
  const from = (column: number[]) => column.slice(first);
  const spread = { runs, counts: from(counts), low: from(low), high: from(high) };
  return { ...plain, spread };
}

const EDGES: Record<Band, (centre: Centre) => string[]> = {
  none: () => [],
  deviation: (centre) => [`${centre} less deviation`, `${centre} plus deviation`],
  extremes: () => ["minimum", "maximum"],
};

/** Returns what is drawn of groups as rows, a point each, with the values of its group first. */
export function groupRows(
  histories: GroupedHistory[],
  { groups, by, centre }: DrawnGroups,
  band: Band,
): (string | number | null)[][] {
  const byId = new Map(groups.map((group) => [group.id, group.values]));
  return [
    [...by.map(title), "metric", "step", "runs", centre, ...EDGES[band](centre)],
    ...histories.flatMap(({ group, metric, steps, counts, centre: values, low, high }) =>
      steps.map((step, i) => [
        ...(byId.get(group) ?? by.map(() => null)),
        metric,
        step,
        counts[i] ?? 0,
        values[i] ?? Number.NaN,
        ...(band === "none" ? [] : [low[i] ?? Number.NaN, high[i] ?? Number.NaN]),
      ]),
    ),
  ];
}
