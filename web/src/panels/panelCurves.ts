// The curves of a panel: of some metrics and expressions, each of all its groups and runs.

import { createMemo } from "solid-js";
import type { Band } from "../api/groupedHistories";
import type { History } from "../api/history";
import type { DrawnGroups } from "../runs/drawnGroups";
import { groupTitle } from "../runs/groups";
import type { LiveRuns } from "../runs/liveRuns";
import { createHistories } from "./chartHistories";
import type { Curve, Settings } from "./curves";
import { byMetric, derived } from "./derivedHistory";
import { type Expression, expressionOf, namesOf } from "./expression";
import { groupCurves } from "./groupCurves";
import { createGroupHistories } from "./groupHistories";
import { createGrowingCurves } from "./growingCurves";
import { sameSmoothing } from "./SmoothingControl";
import type { Range } from "./scales";
import { stepsInSight } from "./stepsInSight";

/** What is drawn of one item: a metric, or an expression of some. */
interface Item {
  name: string;
  expression: Expression;
}

interface AskedCurves {
  of: string[];
  xMetric: string | undefined;
  live: LiveRuns;
  /** The groups that are drawn; undefined where runs are not grouped. */
  groups: () => DrawnGroups | undefined;
  band: () => Band;
  settings: () => Settings;
  zoom: () => Range | undefined;
  ready: () => boolean;
  /** Whether the panel is in sight. */
  inSight: () => boolean;
  maxPoints: () => number;
  /** The most points of a group. */
  groupPoints: () => number;
}

export function createPanelCurves(asked: AskedCurves) {
  const known = new Set(asked.live.runs().flatMap((run) => [...run.metrics.keys()]));
  const { items, error: mistake } = itemsOf(asked.of, known);
  const names = [...new Set(items.flatMap(({ expression }) => namesOf(expression)))];
  const isPlain = items.every(({ expression }) => expression.kind === "metric") && !asked.xMetric;
  // The server aligns runs of a group by their steps.
  const canBeGrouped = isPlain && asked.settings().axis === "step";
  const groups = createMemo(() => (canBeGrouped ? asked.groups() : undefined));
  const drawnRuns = createMemo(() =>
    asked.live
      .runs()
      .filter(
        ({ id, metrics }) =>
          names.some((name) => metrics.has(name)) && (groups()?.singles.has(id) ?? true),
      ),
  );
  // Runs are told anew without being others.
  const starts = createMemo(
    () => new Map(drawnRuns().map((run) => [run.id, run.start])),
    undefined,
    { equals: (a, b) => isSame([...a].flat(), [...b].flat()) },
  );
  const read = (metric: string) =>
    createHistories({
      metric,
      runIds: createMemo(
        () =>
          drawnRuns()
            .filter((run) => run.metrics.has(metric))
            .map((run) => run.id),
        [],
        { equals: isSame },
      ),
      ready: asked.ready,
      maxPoints: asked.maxPoints,
      zoom: asked.zoom,
      inSight: (whole, range) =>
        asked.xMetric === undefined
          ? stepsInSight(range, whole, starts(), asked.settings().axis)
          : new Map(whole.map(({ runId }) => [runId, {}])),
      smoothing: createMemo(() => asked.settings().smoothing, undefined, {
        equals: sameSmoothing,
      }),
      live: asked.live,
    });
  const all = [...new Set([...names, ...(asked.xMetric === undefined ? [] : [asked.xMetric])])];
  const histories = new Map(all.map((name) => [name, read(name)]));
  const grouped = createGroupHistories({
    metrics: names,
    groups: createMemo(() => groups()?.groups ?? []),
    centre: () => groups()?.centre ?? "mean",
    band: asked.band,
    ready: asked.ready,
    inSight: asked.inSight,
    maxPoints: asked.groupPoints,
    zoom: asked.zoom,
  });
  const byRun = new Map(
    [...histories].map(([name, { drawn }]) => [
      name,
      createMemo(() => new Map(drawn().map((history) => [history.runId, history]))),
    ]),
  );
  const historyOf = ({ expression }: Item, runId: string): History | undefined => {
    const of = (name: string) => byRun.get(name)?.().get(runId);
    const found = derived(expression, of);
    if (!found || isPlain || asked.xMetric === undefined) return found;
    return byMetric(found, of(asked.xMetric));
  };
  const ofGroups = createMemo(() => {
    const metrics = items.flatMap(({ expression }) => namesOf(expression).slice(0, 1));
    return groupCurves(grouped.drawn(), groups()?.groups ?? [], metrics, asked.settings());
  });
  const curve = createGrowingCurves();
  const ofRuns = createMemo((): Curve[] =>
    [...starts()].flatMap(([id, start]) =>
      items.flatMap((item, place) => {
        const history = historyOf(item, id);
        if (!history?.steps.length) return [];
        return [curve(history, start, asked.settings(), { ...item, place })];
      }),
    ),
  );
  // Runs over the bands of groups.
  const curves = createMemo(() => [...ofGroups(), ...ofRuns()]);
  const titles = createMemo(
    () =>
      new Map([
        ...(groups()?.groups ?? []).map(
          (one) => [one.id, groupTitle(one, groups()?.by ?? [])] as const,
        ),
        ...asked.live.runs().map(({ id, name }) => [id, name] as const),
      ]),
  );
  const each = () => [grouped, ...histories.values()];
  return {
    curves,
    drawnRuns,
    /** The groups whose curves these are; undefined where single runs are drawn. */
    groups,
    groupHistories: grouped.drawn,
    /** Returns the name of the run or group of a curve. */
    nameOf: ({ runId }: Curve) => titles().get(runId) ?? runId,
    starts,
    names,
    mistake,
    loading: () => each().some((one) => one.loading()),
    error: () =>
      each()
        .find((one) => one.error())
        ?.error(),
    whole: () => [...histories.values()].flatMap((one) => one.whole()),
    readAgain: () => {
      for (const one of each()) one.readAgain();
    },
  };
}

function isSame(a: unknown[], b: unknown[]): boolean {
  return a.length === b.length && a.every((one, i) => one === b[i]);
}

function itemsOf(of: string[], known: Set<string>): { items: Item[]; error: string } {
  const items: Item[] = [];
  let error = "";
  for (const name of of) {
    try {
      items.push({ name, expression: expressionOf(name, known) });
    } catch (failure) {
      error = `${name}: ${failure instanceof Error ? failure.message : ""}`;
    }
  }
  return { items, error };
}
