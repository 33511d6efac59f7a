// The curves of histories that grow: points that come to the end of a history are taken into its
// curve, which stays the same object. All others are made anew.

import type { History } from "../api/history";
import { type Curve, curve, extend, type Settings } from "./curves";

/** A curve, and what it was made of. */
interface Made {
  curve: Curve;
  start: number;
  settings: Settings;
  /** How many points of the history it has, and what the history then had put between others. */
  points: number;
  inserts: number;
}

/** Returns what returns the curve of a history, as `curve` does. */
export function createGrowingCurves(): typeof curve {
  const all = new WeakMap<History, Made>();

  return (history, start, settings, { place = 0, name = "" } = {}) => {
    const points = history.steps.length;
    const inserts = history.inserts ?? 0;
    const made = all.get(history);
    if (
      made &&
      made.start === start &&
      made.settings === settings &&
      made.inserts === inserts &&
      made.curve.place === place &&
      extend(made.curve, history, made.points, start, settings)
    ) {
      made.points = points;
      return made.curve;
    }
    const found = curve(history, start, settings, { place, name });
    all.set(history, { curve: found, start, settings, points, inserts });
    return found;
  };
}
