// How the axes of a chart are marked.

import type uPlot from "uplot";
import {
  count,
  momentTexts,
  number,
  quantities,
  time,
  toldApart,
  type Unit,
} from "../parts/format";
import { colour } from "../parts/theme";
import type { Settings } from "./curves";
import { logTicks, type Range, ticks } from "./scales";

/** Pixels beyond the end of the x axis, for the half of a mark that stands there. */
export const PAD_RIGHT = 28;

const MOST_MARKS = 10;
const CHARACTER = 6.5;
const BETWEEN_MARKS = 18;
const LINE = 30;

const COMPACT = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 4 });

/** Returns how an x reads. */
export function xText(x: number, { axis, xMetric }: Settings): string {
  if (xMetric !== undefined) return `${xMetric} ${number(x)}`;
  if (axis === "time") return time(x * 1000);
  if (axis === "step") return `step ${Math.round(x)}`;
  return elapsed(x);
}

/** Returns the x axis. */
export function bottomAxis(settings: Settings): uPlot.Axis {
  // Times have two lines: the day stands under the hours.
  if (settings.axis === "time") {
    const values = (_: uPlot, all: number[], __: number, ___: number, between: number) =>
      momentTexts(
        all.map((one) => 1e3 * one),
        1e3 * between,
      );
    return { ...axis(), size: 50, space: 80, values };
  }
  const texts = textsOf(settings);
  const fitting = (plot: uPlot, range: Range) =>
    bottomMarks(range, plot.bbox.width / devicePixelRatio, settings);
  return { ...axis(), ...marked(fitting, texts), size: 32 };
}

/** Returns as many values as have room on an x axis that is no axis of times. */
function bottomMarks(range: Range, width: number, settings: Settings): number[] {
  const texts = textsOf(settings);
  for (let most = MOST_MARKS; most > 1; most--) {
    const found = marks(range, most, settings.logX);
    const longest = Math.max(...texts(found).map((text) => text.length));
    if (found.length * (longest * CHARACTER + BETWEEN_MARKS) <= width) return found;
  }
  return marks(range, 1, settings.logX);
}

/** Returns what is written below an x axis that is none of times. */
export function marksBelow(range: Range, width: number, settings: Settings): Mark[] {
  const found = bottomMarks(range, width, settings);
  const texts = textsOf(settings)(found);
  return found.map((value, i) => ({ value, text: texts[i] ?? "" }));
}

/** Returns what is written beside a y axis of a picture. */
export function marksBeside(range: Range, height: number, settings: Settings, unit: Unit): Mark[] {
  const most = Math.max(1, Math.min(MOST_MARKS, Math.floor(height / LINE)));
  const found = marks(range, most, settings.logY);
  const texts = quantities(found, unit);
  return found.map((value, i) => ({ value, text: texts[i] ?? "" }));
}

/** A value of an axis, and what is written there. */
export interface Mark {
  value: number;
  text: string;
}

function textsOf({ axis, xMetric }: Settings): (all: number[]) => string[] {
  if (xMetric !== undefined) return toldApart;
  return axis === "step" ? steps : (all) => all.map(elapsed);
}

/** Returns the y axis. */
export function leftAxis(settings: Settings, unit: Unit): uPlot.Axis {
  const fitting = (plot: uPlot, range: Range) =>
    marksBeside(range, plot.bbox.height / devicePixelRatio, settings, unit).map(
      ({ value }) => value,
    );
  return { ...axis(), ...marked(fitting, (all) => quantities(all, unit)), size: 64 };
}

function marks(range: Range, most: number, log: boolean): number[] {
  return (log ? logTicks : ticks)(range, most);
}

function marked(
  fitting: (plot: uPlot, range: Range) => number[],
  texts: (values: number[]) => string[],
): Partial<uPlot.Axis> {
  return {
    // uPlot looks for a distance of its own that fits, and leaves an axis out that has none.
    incrs: (_, __, min, max) => [Math.max(5, max - min)],
    splits: (plot, _, min, max) => fitting(plot, { min, max }),
    filter: (_, all) => all,
    values: (_, all) => texts(all),
  };
}

function axis(): uPlot.Axis {
  return {
    stroke: colour("faint"),
    grid: { stroke: colour("line"), width: 1 },
    ticks: { stroke: colour("line"), width: 1 },
    font: "11px system-ui, sans-serif",
  };
}

/** Returns how steps read: `200K` and `1.5M`, if that says all of each of them. */
function steps(all: number[]): string[] {
  const largest = Math.max(...all.map(Math.abs));
  const isShort = all.every((step) => Number(step.toPrecision(4)) === step);
  const short = isShort && largest >= 1e4 && largest < 1e15;
  return all.map((step) => (short ? COMPACT.format(step) : count(step)));
}

function elapsed(seconds: number): string {
  const size = Math.abs(seconds);
  if (size < 60) return `${number(seconds)} s`;
  if (size < 3_600) return `${number(seconds / 60)} min`;
  return size < 86_400 ? `${number(seconds / 3_600)} h` : `${number(seconds / 86_400)} d`;
}
