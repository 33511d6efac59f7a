// What a change that was committed makes of a run that is shown.

import { double } from "../api/client";
import { infoOf, type MetricCell, type Run, withUser } from "../api/runs";
import type { RunChange } from "../api/watch";

/** Returns a run after a change. */
export function applyChange(run: Run, change: RunChange): Run {
  const next: Run = { ...run, ...(change.info && infoOf(change.info)) };
  if (change.purged) next.deleted = true;
  if (change.params?.length) next.params = merged(run.params, change.params);
  if (change.tags?.length) next.tags = merged(run.tags, change.tags);
  if (change.deleted_tags?.length) {
    next.tags = new Map(next.tags);
    for (const key of change.deleted_tags) next.tags.delete(key);
  }
  next.user = withUser(next, next.tags).user;
  const { keys = [], counts = [], step = [], value = [] } = change.metrics ?? {};
  if (keys.length) {
    next.metrics = new Map(run.metrics);
    let first = 0;
    for (const [index, key] of keys.entries()) {
      const end = first + (counts[index] ?? 0);
      let cell = next.metrics.get(key);
      for (let i = first; i < end; i++) cell = after(cell, step[i] ?? 0, double(value[i] ?? "NaN"));
      if (cell) next.metrics.set(key, cell);
      first = end;
    }
  }
  return next;
}

function after(cell: MetricCell | undefined, step: number, value: number): MetricCell {
  const number = Number.isNaN(value) ? null : value;
  if (!cell) return { last: value, step, minimum: number, maximum: number };
  const latest = step >= cell.step;
  return {
    last: latest ? value : cell.last,
    step: latest ? step : cell.step,
    minimum: number === null ? cell.minimum : Math.min(cell.minimum ?? number, number),
    maximum: number === null ? cell.maximum : Math.max(cell.maximum ?? number, number),
  };
}

function merged(
  old: Map<string, string>,
  list: { key?: string; value?: string }[],
): Map<string, string> {
  const next = new Map(old);
  for (const { key = "", value = "" } of list) next.set(key, value);
  return next;
}
