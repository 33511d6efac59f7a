// One chart of curves, drawn by uPlot.

import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { number, time } from "../parts/format";
import { colour, theme } from "../parts/theme";
import { runColour, runDash } from "./colours";
import { type Axis, aligned, type Curve, isolated, type Settings } from "./curves";

export const HEIGHT = 260;

/** A range of x, both ends included. */
export interface Range {
  min: number;
  max: number;
}

export interface Events {
  /** Somebody chose a range. */
  zoom: (range: Range) => void;
  /** The cursor is at an x, or has left. */
  point: (x: number | undefined, left: number) => void;
}

/** Returns how an x reads. */
export function xText(x: number, axis: Axis): string {
  if (axis === "time") return time(x * 1000);
  if (axis === "step") return `step ${Math.round(x)}`;
  return elapsed(x);
}

/** A chart in an element. It is made anew for other runs or settings, and goes on for other points. */
export class Plot {
  plot: uPlot | undefined;
  #made = "";
  #curves: Curve[] = [];
  #lone: number[][] = [];
  #range: Range | undefined;
  #alone: number | undefined;

  constructor(
    readonly element: HTMLElement,
    readonly events: Events,
  ) {}

  /** Draws curves; `range` is what of x is in sight, all if it is not given. */
  show(curves: Curve[], settings: Settings, range: Range | undefined): void {
    const { data, lone } = dataOf(curves);
    this.#curves = curves;
    this.#lone = [[], ...lone];
    this.#range = range;
    this.#alone = data[0].length === 1 ? data[0][0] : undefined;
    const made = JSON.stringify([settings, theme(), curves.map((curve) => curve.runId)]);
    if (this.plot && made === this.#made) {
      this.plot.setData(data);
      return;
    }
    this.destroy();
    if (curves.length) this.plot = new uPlot(this.#options(settings), data, this.element);
    this.#made = made;
  }

  resize(): void {
    this.plot?.setSize({ width: this.element.clientWidth, height: HEIGHT });
  }

  destroy(): void {
    this.plot?.destroy();
    this.plot = undefined;
  }

  #options(settings: Settings): uPlot.Options {
    const bottom = axis();
    // Times have two lines: the day stands under the hours.
    bottom.size = settings.axis === "time" ? 50 : 32;
    if (settings.axis === "relative") bottom.values = (_, all) => all.map(elapsed);
    return {
      width: this.element.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      cursor: {
        drag: { x: true, y: false, setScale: false },
        points: { show: false },
        bind: { dblclick: () => null },
      },
      scales: {
        x: {
          time: settings.axis === "time",
          distr: settings.logX ? 3 : 1,
          range: (_, min, max) => this.#xRange(min, max),
        },
        y: { distr: settings.logY ? 3 : 1 },
      },
      axes: [
        bottom,
        { ...axis(), size: 64, values: (_, all) => all.map((y) => (y === null ? "" : number(y))) },
      ],
      series: [{}, ...this.#curves.flatMap((curve) => this.#series(curve))],
      hooks: {
        setSelect: [(plot) => this.#select(plot)],
        setCursor: [
          (plot) => {
            const left = plot.cursor.left ?? -1;
            this.events.point(left < 0 ? undefined : plot.posToVal(left, "x"), left);
          },
        ],
        draw: [(plot) => drawMarks(plot, this.#curves)],
      },
    };
  }

  #series(curve: Curve): uPlot.Series[] {
    const stroke = runColour(curve.runId);
    const line: uPlot.Series = {
      stroke,
      width: 1.5,
      dash: runDash(curve.runId),
      // Points that no line touches are drawn, however dense the others are.
      points: { filter: (_, index, show) => (show ? null : (this.#lone[index] ?? null)), size: 4 },
    };
    if (!curve.smooth) return [line];
    return [
      { ...line, stroke: `${stroke}40`, width: 1 },
      { ...line, width: 2, points: { show: false } },
    ];
  }

  #xRange(min: number, max: number): [number, number] {
    if (this.#range) return [this.#range.min, this.#range.max];
    // One point stands in the middle.
    return this.#alone === undefined ? [min, max] : [this.#alone - 1, this.#alone + 1];
  }

  #select(plot: uPlot): void {
    const { left, width } = plot.select;
    if (width < 3) return;
    this.events.zoom({ min: plot.posToVal(left, "x"), max: plot.posToVal(left + width, "x") });
    plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
  }
}

/** Returns the columns that uPlot draws, and of each the points that stand alone. */
function dataOf(curves: Curve[]): { data: uPlot.AlignedData; lone: number[][] } {
  const columns = curves.flatMap(({ xs, ys, smooth }) =>
    smooth
      ? [
          { xs, ys },
          { xs, ys: smooth },
        ]
      : [{ xs, ys }],
  );
  const [xs, ...ys] = aligned(columns);
  return { data: [xs ?? [], ...ys] as uPlot.AlignedData, lone: ys.map(isolated) };
}

function axis(): uPlot.Axis {
  return {
    stroke: colour("faint"),
    grid: { stroke: colour("line"), width: 1 },
    ticks: { stroke: colour("line"), width: 1 },
    font: "11px system-ui, sans-serif",
  };
}

/** Infinities: triangles at the edge that they lie beyond. */
function drawMarks(plot: uPlot, curves: Curve[]): void {
  const { ctx, bbox } = plot;
  const size = 5 * devicePixelRatio;
  ctx.save();
  for (const { marks, runId } of curves) {
    ctx.fillStyle = runColour(runId);
    for (const { x, up } of marks) {
      const at = plot.valToPos(x, "x", true);
      if (at < bbox.left || at > bbox.left + bbox.width) continue;
      const edge = up ? bbox.top : bbox.top + bbox.height;
      const base = edge + (up ? 2 * size : -2 * size);
      ctx.beginPath();
      ctx.moveTo(at, edge);
      ctx.lineTo(at - size, base);
      ctx.lineTo(at + size, base);
      ctx.fill();
    }
  }
  ctx.restore();
}

function elapsed(seconds: number): string {
  const size = Math.abs(seconds);
  if (size < 60) return `${number(seconds)} s`;
  if (size < 3_600) return `${number(seconds / 60)} min`;
  return size < 86_400 ? `${number(seconds / 3_600)} h` : `${number(seconds / 86_400)} d`;
}
