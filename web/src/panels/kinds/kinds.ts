// The kinds of panels, each loaded when it is needed, and what can be set of it.

import type { Component } from "solid-js";
import { lazyPart } from "../../parts/lazyPart";
import type { KindProps } from "../panelContext";
import LinePanel from "./LinePanel";

/** A field of a panel that somebody can set. */
export interface KindField {
  name: string;
  label: string;
  input:
    | "column"
    | "number column"
    | "metrics"
    | "columns"
    | "number"
    | "series"
    | "switch"
    | "text"
    | { choices: Choices };
}

/** Values and what is shown for them. */
type Choices = Record<string, string>;

interface Kind {
  name: string;
  component: Component<KindProps>;
  fields: KindField[];
}

const metrics: KindField = { name: "of", label: "Metrics and expressions", input: "metrics" };
const logX: KindField = { name: "logx", label: "Logarithmic x axis", input: "switch" };
const logY: KindField = { name: "logy", label: "Logarithmic y axis", input: "switch" };
const yRange: KindField = { name: "y", label: "y from..to", input: "text" };
const which: KindField = {
  name: "value",
  label: "Value",
  input: { choices: { "": "Last", minimum: "Least", maximum: "Greatest" } },
};

export const KINDS: Record<string, Kind> = {
  line: {
    name: "Lines",
    component: LinePanel,
    fields: [
      metrics,
      {
        name: "x",
        label: "x",
        input: "text",
      },
      yRange,
      logX,
      logY,
      { name: "outliers", label: "Ignore outliers", input: "switch" },
    ],
  },
  bar: {
    name: "Bars",
    component: lazyPart(() => import("./BarPanel")),
    fields: [metrics, which, { name: "by", label: "A bar for each", input: "column" }, logX],
  },
  scatter: {
    name: "Scatter",
    component: lazyPart(() => import("./ScatterPanel")),
    fields: [
      { name: "px", label: "x", input: "column" },
      { name: "py", label: "y", input: "column" },
      { name: "colour", label: "Colour by", input: "column" },
      { name: "radius", label: "Size by", input: "column" },
      logX,
      logY,
      { name: "regression", label: "Regression line", input: "switch" },
      {
        name: "pareto",
        label: "Pareto front",
        input: {
          choices: {
            "": "None",
            ll: "Less of both is better",
            lm: "Less of x, more of y",
            ml: "More of x, less of y",
            mm: "More of both is better",
          },
        },
      },
    ],
  },
  histogram: {
    name: "Histogram over runs",
    component: lazyPart(() => import("./HistogramPanel")),
    fields: [
      { name: "of", label: "Values of", input: "columns" },
      { name: "bins", label: "Bins", input: "number" },
    ],
  },
  importance: {
    name: "Importance of params",
    component: lazyPart(() => import("./ImportancePanel")),
    fields: [{ name: "number", label: "Metric", input: "number column" }],
  },
  parallel: {
    name: "Parallel coordinates",
    component: lazyPart(() => import("./ParallelPanel")),
    fields: [{ name: "of", label: "Axes", input: "columns" }],
  },
  media: {
    name: "Media",
    component: lazyPart(() => import("./MediaPanel")),
    fields: [{ name: "of", label: "Series", input: "series" }],
  },
  table: {
    name: "Table of numbers",
    component: lazyPart(() => import("./TablePanel")),
    fields: [{ name: "of", label: "Columns", input: "columns" }],
  },
  text: {
    name: "Text",
    component: lazyPart(() => import("./TextPanel")),
    fields: [{ name: "text", label: "Markdown", input: "text" }],
  },
  timeline: {
    name: "Timeline of runs",
    component: lazyPart(() => import("./TimelinePanel")),
    fields: [{ name: "by", label: "Colour by", input: "column" }],
  },
};
