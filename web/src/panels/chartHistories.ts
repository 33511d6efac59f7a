// The histories that a chart draws: read when they are asked for, and kept up to date by the watch.

import { createEffect, createSignal, on, onCleanup } from "solid-js";
import { type ApiError, shown } from "../api/client";
import {
  type Arrival,
  arrivalOf,
  type History,
  merge,
  readHistories,
  type StepRange,
} from "../api/history";
import type { Smoothing } from "../api/smoothing";
import type { RunChange } from "../api/watch";
import { addFrameWork, dropFrameWork } from "../parts/pacedFrames";
import { PacedWork } from "../parts/pacedWork";
import type { LiveRuns } from "../runs/liveRuns";
import type { Range } from "./scales";

// Points of one run that are drawn, and points that wait for a frame or for the end of a read. Where
// more have come, they are left out until all is read again, thinned.
const MOST_DRAWN = 8_000;
const MOST_WAITING = 8_000;

/** What a chart asks for. */
interface Asked {
  metric: string;
  runIds: () => string[];
  /** Whether the chart is there to be looked at. */
  ready: () => boolean;
  /** The most points of a run. */
  maxPoints: () => number;
  /** The range of the x axis that somebody chose. */
  zoom: () => Range | undefined;
  /** Returns the steps of each run that a range has in sight, by histories of all steps. */
  inSight: (whole: History[], range: Range) => Map<string, StepRange>;
  /** How lines are smoothed; not at all, if undefined. */
  smoothing: () => Smoothing | undefined;
  live: LiveRuns;
}

/**
 * Returns the histories to draw, those of all steps, why some could not be read, whether they are
 * being read, and how to read them again.
 */
export function createHistories(asked: Asked) {
  const [drawn, setDrawn] = createSignal<History[]>([], { equals: false });
  const [error, setError] = createSignal<ApiError>();
  const [loading, setLoading] = createSignal(true);
  let whole: History[] = [];
  // Those of the steps in sight, if a range is chosen: of them more points are read.
  let fine: History[] | undefined;
  // Whether `whole` is to be read, and whether points were left out since the present read began.
  let isBehind = true;
  let isMissing = false;
  // Points that came since the last frame, and since the present read began.
  let unseen: Arrival[] = [];
  let unread: Arrival[] = [];
  let waiting = 0;

  const draw = () => setDrawn(fine ?? whole);
  const readRanges = (ranges: Map<string, StepRange>, signal: AbortSignal) =>
    readHistories(asked.metric, ranges, asked.maxPoints(), signal, asked.smoothing());

  const readAll = async (signal: AbortSignal) => {
    let damage: ApiError | undefined;
    if (isBehind) {
      const all = new Map(asked.runIds().map((id) => [id, {}]));
      const found = await readRanges(all, signal);
      whole = found.histories;
      damage = found.error;
      isBehind = false;
      for (const arrival of unread) merge(whole, arrival);
      draw();
    }
    const range = asked.zoom();
    if (range) {
      const found = await readRanges(asked.inSight(whole, range), signal);
      fine = found.histories;
      damage ??= found.error;
      for (const arrival of unread) merge(fine, arrival);
    }
    return damage;
  };
  const reads = new PacedWork(async (signal) => {
    setLoading(true);
    isBehind ||= isMissing;
    isMissing = false;
    unread = [];
    waiting = 0;
    try {
      setError(await readAll(signal));
    } catch (failure) {
      if (signal.aborted) return; // another read began
      setError(shown(failure));
    }
    isBehind ||= isMissing;
    draw();
    setLoading(false);
  });

  const leaveOut = () => {
    if (reads.isRunning) isMissing = true;
    else isBehind = true;
    unseen = [];
    unread = [];
    waiting = 0;
  };
  const fallBehind = () => {
    leaveOut();
    reads.startInTurn();
  };
  const takeChanges = (changes: RunChange[]) => {
    if (!asked.ready()) return;
    for (const change of changes) {
      const arrival = arrivalOf(change, asked.metric);
      if (!arrival) continue;
      if (isMissing || (isBehind && !reads.isRunning)) {
        reads.startInTurn(); // which will find it
        continue;
      }
      unseen.push(arrival);
      if (reads.isRunning) unread.push(arrival);
      waiting += arrival.steps.length;
      if (waiting > MOST_WAITING) fallBehind();
    }
    if (unseen.length) addFrameWork(drawUnseen);
  };
  const drawUnseen = () => {
    for (const arrival of unseen) {
      merge(whole, arrival);
      if (fine) merge(fine, arrival);
    }
    unseen = [];
    if (!reads.isRunning) waiting = 0;
    draw();
    if ((fine ?? whole).some(({ steps }) => steps.length > MOST_DRAWN)) fallBehind();
  };

  const readAgain = () => {
    isBehind = true;
    reads.startNow();
  };
  createEffect(on([asked.ready, asked.runIds], () => asked.ready() && readAgain()));
  // The first time is what charts are ready with.
  createEffect(
    on(asked.live.begun, (times) => times > 1 && asked.ready() && fallBehind(), { defer: true }),
  );
  createEffect(
    on(
      asked.zoom,
      () => {
        if (!asked.zoom()) fine = undefined;
        draw();
        if (asked.ready()) reads.startNow();
      },
      { defer: true },
    ),
  );
  // A slider tells many amounts: they are read one at a time, the last one in the end.
  createEffect(
    on(
      asked.smoothing,
      (wanted) => {
        if (!wanted || !asked.ready()) return;
        leaveOut();
        reads.startSoon();
      },
      { defer: true },
    ),
  );
  asked.live.listen(takeChanges);
  onCleanup(() => {
    reads.stop();
    dropFrameWork(drawUnseen);
  });
  return { drawn, whole: () => whole, error, loading, readAgain };
}
