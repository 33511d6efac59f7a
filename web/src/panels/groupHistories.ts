// What the groups of a panel have in common: read when it is asked for, and again after changes.

import { createEffect, createMemo, createSignal, on, onCleanup } from "solid-js";
import { type ApiError, shown } from "../api/client";
import {
  type Band,
  type Centre,
  type GroupedHistory,
  readGroupedHistories,
} from "../api/groupedHistories";
import type { StepRange } from "../api/history";
import type { RunGroup } from "../api/runGroups";
import { PacedWork } from "../parts/pacedWork";
import type { Range } from "./scales";
import { stepsInSight, union } from "./stepsInSight";

interface AskedGroups {
  metrics: string[];
  /** The groups to draw; other objects after something happened to their runs. */
  groups: () => RunGroup[];
  centre: () => Centre;
  band: () => Band;
  /** Whether the chart is there to be looked at. */
  ready: () => boolean;
  /** Whether it is in sight: where it is not, changes wait until it is. */
  inSight: () => boolean;
  maxPoints: () => number;
  /** The range of steps that somebody chose. */
  zoom: () => Range | undefined;
}

/** Returns the histories to draw, why they could not be read, and whether they are being read. */
export function createGroupHistories(asked: AskedGroups) {
  const [drawn, setDrawn] = createSignal<GroupedHistory[]>([]);
  const [error, setError] = createSignal<ApiError>();
  const [loading, setLoading] = createSignal(false);
  // Those of all steps, and which of the wanted ones they are.
  let whole: GroupedHistory[] = [];
  let wanted = 0;
  let read = 0;

  const readRange = (range: StepRange, signal: AbortSignal) =>
    readGroupedHistories(
      {
        metrics: asked.metrics,
        groups: asked.groups(),
        range,
        maxPoints: asked.maxPoints(),
        centre: asked.centre(),
        band: asked.band(),
      },
      signal,
    );
  const readAll = async (signal: AbortSignal) => {
    let damage: ApiError | undefined;
    if (read !== wanted) {
      const now = wanted;
      const found = await readRange({}, signal);
      whole = found.histories;
      damage = found.error;
      read = now;
      if (!asked.zoom() || !drawn().length) setDrawn(whole);
    }
    const range = asked.zoom();
    if (!range) return damage;
    const found = await readRange(stepsOf(whole, range), signal);
    setDrawn(found.histories);
    return damage ?? found.error;
  };
  const reads = new PacedWork(async (signal) => {
    setLoading(true);
    try {
      setError(await readAll(signal));
    } catch (failure) {
      if (signal.aborted) return; // another read began
      setError(shown(failure));
    }
    setLoading(false);
  });

  const readAgain = () => {
    wanted += 1;
    reads.startNow();
  };
  const which = createMemo(() =>
    JSON.stringify([
      asked.ready(),
      asked.groups().map(({ id }) => id),
      asked.centre(),
      asked.band(),
    ]),
  );
  // Other groups are read at once; the same ones after the pause that follows a read.
  createEffect(
    on([which, asked.groups, asked.inSight], ([now, groups, isInSight], before) => {
      if (!asked.ready()) return;
      if (!groups.length) {
        reads.stop();
        setDrawn([]);
        setLoading(false);
      } else if (before?.[0] !== now) readAgain();
      else {
        if (groups !== before[1]) wanted += 1;
        if (isInSight && read !== wanted) reads.startInTurn();
      }
    }),
  );
  createEffect(
    on(
      asked.zoom,
      (range) => {
        if (!range) setDrawn(whole);
        if (asked.ready() && asked.groups().length) reads.startNow();
      },
      { defer: true },
    ),
  );
  onCleanup(() => reads.stop());
  return { drawn, error, loading, readAgain };
}

/** Returns the steps of a range with those of the next points beyond both edges, of all groups. */
function stepsOf(whole: GroupedHistory[], range: Range): StepRange {
  const histories = whole.map(({ group, metric, steps }) => ({
    runId: JSON.stringify([group, metric]),
    range: {},
    steps,
    timestamps: [],
    values: [],
  }));
  if (!histories.length) return { start: range.min, end: range.max };
  return union([...stepsInSight(range, histories, new Map(), "step").values()]);
}
