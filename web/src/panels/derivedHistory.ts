// Histories that are computed of others: expressions of metrics, and metrics by another metric.

import type { History } from "../api/history";
import { type Expression, evaluate, namesOf } from "./expression";

/**
 * Returns the history of an expression of one run: at the steps of the metric that has the fewest
 * points. Another metric that has no point at such a step is taken between its two next ones, for
 * what is read of long histories is thinned.
 */
export function derived(expression: Expression, of: (name: string) => History | undefined) {
  const parts = namesOf(expression).map(of);
  const first = parts[0];
  if (!first || parts.some((part) => !part?.steps.length)) return undefined;
  if (expression.kind === "metric") return first;
  const base = parts.reduce<History>(
    (a, b) => (b && b.steps.length < a.steps.length ? b : a),
    first,
  );
  const { runId, range } = base;
  const found: History = { runId, range, steps: [], timestamps: [], values: [] };
  // Smoothed is what the expression is of smoothed metrics.
  const isSmoothed = parts.every((part) => part?.smoothed?.values.length === part?.values.length);
  if (isSmoothed && base.smoothed) found.smoothed = { ...base.smoothed, values: [] };
  for (const [i, step] of base.steps.entries()) {
    if (parts.some((part) => !isInside(part, step))) continue;
    found.steps.push(step);
    found.timestamps.push(base.timestamps[i] ?? 0);
    found.values.push(evaluate(expression, (name) => valueAt(of(name), step)));
    found.smoothed?.values.push(
      evaluate(expression, (name) => valueAt(of(name), step, of(name)?.smoothed?.values)),
    );
  }
  return found;
}

/** Returns a history whose steps are the values that another has there. */
export function byMetric(history: History, x: History | undefined): History {
  const { runId, range, smoothed } = history;
  const found: History = { runId, range, steps: [], timestamps: [], values: [] };
  if (smoothed) found.smoothed = { ...smoothed, values: [] };
  if (!x) return found;
  for (const [i, step] of history.steps.entries()) {
    const at = valueAt(x, step);
    if (!isInside(x, step) || !Number.isFinite(at)) continue;
    found.steps.push(at);
    found.timestamps.push(history.timestamps[i] ?? 0);
    found.values.push(history.values[i] ?? Number.NaN);
    found.smoothed?.values.push(smoothed?.values[i] ?? Number.NaN);
  }
  return found;
}

function isInside(history: History | undefined, step: number): boolean {
  const { steps = [] } = history ?? {};
  return (steps[0] ?? Number.POSITIVE_INFINITY) <= step && step <= (steps.at(-1) ?? -Infinity);
}

function valueAt(
  history: History | undefined,
  step: number,
  values = history?.values ?? [],
): number {
  const { steps = [] } = history ?? {};
  let low = 0;
  let high = steps.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((steps[middle] ?? 0) < step) low = middle + 1;
    else high = middle;
  }
  const [after, value = Number.NaN] = [steps[low] ?? Number.NaN, values[low]];
  if (after === step || low === 0) return value;
  const [before, previous] = [steps[low - 1] ?? 0, values[low - 1] ?? Number.NaN];
  return previous + ((value - previous) * (step - before)) / (after - before);
}
