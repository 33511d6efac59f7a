// How a panel is drawn: what is set for all, then for its section, then for itself.

import type { Smoothing } from "../api/smoothing";
import type { Axis, Settings } from "./curves";
import type { Panel, Section } from "./layout";
import type { Fields } from "./panelText";

/** Fields that a section can have for all of its panels. */
const INHERITED = ["x", "logx", "logy", "y", "outliers", "height"];
const AXES: string[] = ["step", "time", "relative"] satisfies Axis[];

const HEIGHT = 260;
const LEAST_HEIGHT = 140;
const MOST_HEIGHT = 1_200;
export const MOST_WIDTH = 4;

/** Returns the fields of a panel with those that its section, and all panels, have set. */
export function fieldsOf(all: Fields, section: Section, panel: Panel): Fields {
  const some = Object.fromEntries(INHERITED.flatMap((name) => pair(name, section.fields[name])));
  return { ...all, ...some, ...panel.fields };
}

/** Returns how a panel of lines is drawn; `smoothing` is that of all. */
export function lineSettings(fields: Fields, smoothing: Smoothing | undefined): Settings {
  const { x = "step" } = fields;
  const isMetric = !AXES.includes(x);
  return {
    axis: isMetric ? "step" : (x as Axis),
    xMetric: isMetric ? x.replace(/^metrics\./, "") : undefined,
    logX: fields.logx === "1",
    logY: fields.logy === "1",
    smoothing,
    ...endsOf(fields.y),
    withoutOutliers: fields.outliers === "1",
  };
}

/** Returns the ends of a range `min..max`, of which either may be left out. */
function endsOf(text = ""): { yMin: number | undefined; yMax: number | undefined } {
  const [from = "", to = ""] = text.split("..");
  const end = (one: string) => {
    const value = Number(one);
    return one.trim() && Number.isFinite(value) ? value : undefined;
  };
  const [yMin, yMax] = [end(from), end(to)];
  // A range that is none has no place on an axis.
  return yMin !== undefined && yMax !== undefined && yMin >= yMax
    ? { yMin: undefined, yMax: undefined }
    : { yMin, yMax };
}

export function heightOf(fields: Fields): number {
  return Math.max(LEAST_HEIGHT, Math.min(MOST_HEIGHT, Number(fields.height) || HEIGHT));
}

export function widthOf(fields: Fields): number {
  return Math.max(1, Math.min(MOST_WIDTH, Math.round(Number(fields.width)) || 1));
}

/** Returns the style that gives a panel its place among so many columns, and its height. */
export function panelSize(fields: Fields, columns: number) {
  return {
    "grid-column": `span ${Math.min(widthOf(fields), columns)}`,
    "--height": `${heightOf(fields)}px`,
  };
}

function pair(name: string, value: string | undefined): [string, string][] {
  return value === undefined ? [] : [[name, value]];
}
