// How the axes of a chart are marked.

import type uPlot from "uplot";
import { count, number, time } from "../parts/format";
import { colour } from "../parts/theme";
import type { Axis, Settings } from "./curves";
import { logTicks, type Range, ticks } from "./scales";

/** Pixels beyond the end of the x axis, for the half of a mark that stands there. */
export const PAD_RIGHT = 28;

const MOST_MARKS = 10;
const CHARACTER = 6.5;
const BETWEEN_MARKS = 18;
const LINE = 30;

const COMPACT = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 4 });

const DAY = "\n{YYYY}-{MM}-{DD}";
const MINUTE = `${DAY} {HH}:{mm}`;
// Rows of uPlot: seconds between two marks at least; the text; what stands below it where a year, a
// month, a day, an hour, a minute or a second begins; and that it is added to the text.
const TIMES = [
  [365 * 86_400, "{YYYY}", null, null, null, null, null, null, 1],
  [28 * 86_400, "{YYYY}-{MM}", null, null, null, null, null, null, 1],
  [86_400, "{MM}-{DD}", "\n{YYYY}", null, null, null, null, null, 1],
  [60, "{HH}:{mm}", DAY, null, DAY, null, null, null, 1],
  [1, "{HH}:{mm}:{ss}", DAY, null, DAY, null, null, null, 1],
  [0.001, ":{ss}.{fff}", MINUTE, null, MINUTE, null, "\n{HH}:{mm}", null, 1],
];

/** Returns how an x reads. */
export function xText(x: number, axis: Axis): string {
  if (axis === "time") return time(x * 1000);
  if (axis === "step") return `step ${Math.round(x)}`;
  return elapsed(x);
}

/** Returns the x axis. */
export function bottomAxis(settings: Settings): uPlot.Axis {
  // Times have two lines: the day stands under the hours.
  if (settings.axis === "time") return { ...axis(), size: 50, space: 70, values: TIMES };
  const texts = settings.axis === "step" ? steps : (all: number[]) => all.map(elapsed);
  const fitting = (plot: uPlot, range: Range) => {
    const width = plot.bbox.width / devicePixelRatio;
    for (let most = MOST_MARKS; most > 1; most--) {
      const found = marks(range, most, settings.logX);
      const longest = Math.max(...texts(found).map((text) => text.length));
      if (found.length * (longest * CHARACTER + BETWEEN_MARKS) <= width) return found;
    }
    return marks(range, 1, settings.logX);
  };
  return { ...axis(), ...marked(fitting, texts), size: 32 };
}

/** Returns the y axis. */
export function leftAxis(settings: Settings): uPlot.Axis {
  const fitting = (plot: uPlot, range: Range) => {
    const most = Math.floor(plot.bbox.height / devicePixelRatio / LINE);
    return marks(range, Math.max(1, Math.min(MOST_MARKS, most)), settings.logY);
  };
  return { ...axis(), ...marked(fitting, (all) => all.map(number)), size: 64 };
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
