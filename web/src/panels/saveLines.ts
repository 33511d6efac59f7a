// The picture of a panel of lines: uPlot draws on a canvas of one size, so it is drawn again as SVG.

import type uPlot from "uplot";
import { colour } from "../parts/theme";
import { type Mark, marksBelow, marksBeside } from "./axes";
import { bandOpacity, FAINT, lineWidth, outline, stretchesOf } from "./bands";
import { metricDash, runColour, runDash } from "./colours";
import { type Curve, type Settings, unitOfCurves } from "./curves";
import { drawable, type Range } from "./scales";
import { element, text } from "./svgElements";
import { timeTicks } from "./timeTicks";

const LEFT = 72;
const TOP = 8;
const LINE = 18;
const FOOT = 40;
const LEGEND = 240;
// Around a point that has no neighbours, of which a line would show nothing.
const DOT = "m-2,0a2,2 0 1,0 4,0a2,2 0 1,0 -4,0";

/** What is in sight of a panel. */
export interface Shown {
  plot: uPlot;
  curves: Curve[];
  settings: Settings;
  /** The name of the run or group of a curve. */
  nameOf: (curve: Curve) => string;
}

/** Returns the picture, with the names of the runs below. */
export function lineDrawing({ plot, curves, settings, nameOf }: Shown): SVGSVGElement {
  const { clientWidth: width, clientHeight: height } = plot.over;
  const total = LEFT + width + 32;
  const columns = Math.max(1, Math.floor(total / LEGEND));
  const names = legendOf(curves, nameOf);
  const rows = Math.ceil(names.length / columns);
  const svg = element("svg", { width: total, height: TOP + height + FOOT + rows * LINE + 8 });
  svg.setAttribute("font-family", "system-ui, sans-serif");
  svg.setAttribute("viewBox", `0 0 ${svg.getAttribute("width")} ${svg.getAttribute("height")}`);
  const area = element("g", { transform: `translate(${LEFT},${TOP})` });
  svg.append(area);
  const xRange = { min: plot.scales.x?.min ?? 0, max: plot.scales.x?.max ?? 1 };
  const yRange = { min: plot.scales.y?.min ?? 0, max: plot.scales.y?.max ?? 1 };
  const small = { "font-size": 11, fill: colour("faint") };
  const isTime = settings.axis === "time" && settings.xMetric === undefined;
  for (const mark of isTime ? times(xRange, width) : marksBelow(xRange, width, settings)) {
    const x = plot.valToPos(mark.value, "x");
    area.append(element("line", { x1: x, x2: x, y1: 0, y2: height, stroke: colour("line") }));
    area.append(text(mark.text, { x, y: height + 18, "text-anchor": "middle", ...small }));
  }
  for (const mark of marksBeside(yRange, height, settings, unitOfCurves(curves))) {
    const y = plot.valToPos(mark.value, "y");
    area.append(element("line", { x1: 0, x2: width, y1: y, y2: y, stroke: colour("line") }));
    area.append(text(mark.text, { x: -8, y: y + 4, "text-anchor": "end", ...small }));
  }
  const clip = element("clipPath", { id: "area" });
  clip.append(element("rect", { width, height }));
  const lines = element("g", { "clip-path": "url(#area)", fill: "none" });
  area.append(clip, lines);
  for (const one of curves) lines.append(band(plot, one, bandOpacity(curves)));
  for (const one of curves) {
    if (one.smooth) lines.append(path(plot, one, one.ys, { width: 1, opacity: 0.25 }));
    const width = one.smooth ? 2 : lineWidth(one, curves);
    for (const { from, to, isFaint } of stretchesOf(one)) {
      const ys = (one.smooth ?? one.ys).map((y, i) => {
        const x = one.xs[i] ?? 0;
        return from <= x && x <= to ? y : null;
      });
      lines.append(path(plot, one, ys, { width, opacity: isFaint ? FAINT : 1 }));
    }
  }
  names.forEach(({ name, curve }, i) => {
    const x = 10 + (i % columns) * LEGEND;
    const y = TOP + height + FOOT + Math.floor(i / columns) * LINE;
    svg.append(
      element("line", {
        x1: x,
        x2: x + 22,
        y1: y - 4,
        y2: y - 4,
        "stroke-width": 3,
        ...inkOf(curve),
      }),
      text(name.length > 32 ? `${name.slice(0, 31)}…` : name, { x: x + 30, y, "font-size": 12 }),
    );
  });
  return svg;
}

/** Returns moments of an axis of seconds. */
function times({ min, max }: Range, width: number): Mark[] {
  const ticks = timeTicks(1e3 * min, 1e3 * max, width);
  return ticks.map(({ value, text }) => ({ value: value / 1e3, text }));
}

function legendOf(
  curves: Curve[],
  nameOf: (curve: Curve) => string,
): { name: string; curve: Curve }[] {
  const several = new Set(curves.map((curve) => curve.place)).size > 1;
  return curves.map((curve) => {
    const name = nameOf(curve);
    return { name: several ? `${name} · ${curve.name}` : name, curve };
  });
}

function inkOf(curve: Curve) {
  const dash = curve.place ? metricDash(curve.place) : runDash(curve.runId);
  return { stroke: runColour(curve.runId), "stroke-dasharray": dash.join(" ") };
}

/** The band around the curve of a group; nothing around that of a run. */
function band(plot: uPlot, curve: Curve, opacity: number): SVGElement {
  const places = outline(
    curve,
    (x) => plot.valToPos(x, "x"),
    (y) => plot.valToPos(y, "y"),
    plot.over.clientHeight,
  );
  const points = places.map((place) => place.map((one) => Number(one.toFixed(2))).join(","));
  return element("polygon", {
    points: points.join(" "),
    fill: runColour(curve.runId),
    "fill-opacity": opacity,
  });
}

function path(
  plot: uPlot,
  curve: Curve,
  ys: (number | null)[],
  { width, opacity = 1 }: { width: number; opacity?: number },
): SVGElement {
  let d = "";
  const isPoint = (i: number) => typeof ys[i] === "number";
  for (const [i, x] of curve.xs.entries()) {
    const y = ys[i];
    if (typeof y !== "number") continue;
    const place = [plot.valToPos(x, "x"), plot.valToPos(drawable(y), "y")];
    d += `${isPoint(i - 1) ? "L" : "M"}${place.map((one) => Number(one.toFixed(2))).join(",")}`;
    if (!isPoint(i - 1) && !isPoint(i + 1)) d += DOT;
  }
  return element("path", { d, "stroke-width": width, opacity, ...inkOf(curve) });
}
