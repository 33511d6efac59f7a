// Which steps a range of the x axis has in sight.

import type { History, StepRange } from "../api/history";
import { type Axis, xsOf } from "./curves";
import type { Range } from "./scales";

/**
 * Returns the steps of each run that are in sight, with the next point beyond both edges, so that
 * its line goes on to them; no end where there is none. Where the points of a run are is known by
 * the thinned history of all its steps.
 */
export function stepsInSight(
  range: Range,
  whole: History[],
  starts: Map<string, number>,
  axis: Axis,
): Map<string, StepRange> {
  return new Map(
    whole.map((history) => {
      const xs = xsOf(history, starts.get(history.runId) ?? 0, axis);
      return [history.runId, stepsOf(range, xs, history.steps)];
    }),
  );
}

/** Returns the steps that contain all of some ranges. */
export function union(ranges: StepRange[]): StepRange {
  const starts = ranges.map(({ start }) => start ?? Number.NEGATIVE_INFINITY);
  const ends = ranges.map(({ end }) => end ?? Number.POSITIVE_INFINITY);
  return { start: Math.min(...starts), end: Math.max(...ends) };
}

function stepsOf(range: Range, xs: number[], steps: number[]): StepRange {
  let before = -1;
  let after = -1;
  let start = Number.POSITIVE_INFINITY;
  let end = Number.NEGATIVE_INFINITY;
  const take = (step: number) => {
    start = Math.min(start, step);
    end = Math.max(end, step);
  };
  // Times need not grow with the steps.
  for (const [i, x] of xs.entries()) {
    if (x < range.min) before = before < 0 || x >= (xs[before] ?? 0) ? i : before;
    else if (x > range.max) after = after < 0 || x < (xs[after] ?? 0) ? i : after;
    else take(steps[i] ?? 0);
  }
  for (const i of [before, after]) if (i >= 0) take(steps[i] ?? 0);
  return { start: before < 0 ? undefined : start, end: after < 0 ? undefined : end };
}
