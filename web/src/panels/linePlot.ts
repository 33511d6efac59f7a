// One chart of curves, drawn by uPlot.

import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { theme } from "../parts/theme";
import { bottomAxis, leftAxis, PAD_RIGHT } from "./axes";
import { drawBands, lineInk, withBands } from "./bands";
import { runColour, runDash, styles } from "./colours";
import { type Curve, LAST_DATE, type Settings, unitOfCurves } from "./curves";
import { LineEnds } from "./lineEnds";
import { dataOf, type Line, linesOf } from "./lines";
import { drawable, logarithmic, padded, type Range, roomyEnd, widened } from "./scales";

// Of the axis of times, in seconds; uPlot puts ticks on it, which have whole milliseconds.
const SHORTEST_TIME = 0.05;

// Pixels from the cursor at which a point is near to it.
const NEAR = 8;
// Where uPlot has the cursor that stands for all that is at its x.
const NO_TOP = -1;
// The part of the values at either end that a range without outliers leaves out.
const OUTLIERS = 0.01;

/**
 * The cursor: its place on the x axis, between two places that are near to it, and in pixels of the
 * plot, which is `over` on the screen. It has no `top` where it stands for all that is at its x.
 */
export interface Cursor {
  x: number;
  from: number;
  to: number;
  left: number;
  top: number | undefined;
  over: DOMRect;
}

interface Events {
  /** Somebody chose a range. */
  zoom: (range: Range) => void;
  /** The cursor is somewhere, or has left. */
  point: (cursor: Cursor | undefined) => void;
  /** All curves are drawn, at the places that they have now. */
  drawn: () => void;
}

/**
 * A chart in an element. It is made anew for other runs or settings, and goes on for other points;
 * of curves that grew it draws what came, as long as the axes have room for it.
 */
export class LinePlot {
  plot: uPlot | undefined;
  #made = "";
  #curves: Curve[] = [];
  #settings: Settings | undefined;
  #look: unknown[] = [];
  #range: Range | undefined;
  #ends = new LineEnds([]);
  /** How many marks of each curve are drawn. */
  #marks: number[] = [];
  /** Whether the chart has more than uPlot was told. */
  #isAhead = false;
  /** Whether points have dots, for there are few. */
  #hasDots = false;
  #lone: number[][] = [];
  #alone: number | undefined;
  /** The end of x, of a chart that shows all of it. */
  #end: number | undefined;

  constructor(
    readonly element: HTMLElement,
    readonly events: Events,
  ) {}

  /** Draws curves; `range` is what of x is in sight, all if it is not given. */
  show(curves: Curve[], settings: Settings, range: Range | undefined): void {
    const look = [settings, range, theme(), styles(), ...curves];
    const isSame =
      look.length === this.#look.length && look.every((one, i) => one === this.#look[i]);
    if (this.plot && isSame && this.#drawEnds(this.plot)) return;
    const made = JSON.stringify([settings, theme(), curves.map(looks)]);
    if (range || this.#range || made !== this.#made) this.#end = undefined;
    this.#look = look;
    this.#curves = curves;
    this.#range = range;
    this.#settings = settings;
    if (this.plot && made === this.#made) {
      this.plot.setData(this.#data());
      return;
    }
    this.destroy();
    const data = this.#data();
    if (curves.length) this.plot = new uPlot(this.#options(settings), data, this.element);
    this.#made = made;
  }

  resize(): void {
    this.plot?.setSize({ width: this.element.clientWidth, height: this.element.clientHeight });
  }

  /** Draws what came to the ends of the curves, if all else stays as it is. */
  #drawEnds(plot: uPlot): boolean {
    const { yMin, yMax } = this.#settings ?? {};
    const isChosen = {
      x: this.#range !== undefined,
      yMin: yMin !== undefined,
      yMax: yMax !== undefined,
    };
    if (this.#hasDots || !this.#ends.canBeDrawn(plot, isChosen)) return false;
    this.#isAhead = true;
    this.#ends.draw(plot);
    drawMarks(plot, this.#curves, this.#marks);
    this.#marks = this.#curves.map(({ marks }) => marks.length);
    this.events.drawn();
    return true;
  }

  /** Returns what uPlot is to draw: all. */
  #data(): uPlot.AlignedData {
    const lines = linesOf(this.#curves);
    const { data, lone } = dataOf(lines);
    this.#ends = new LineEnds(lines);
    this.#lone = [[], ...lone];
    this.#alone = data[0].length === 1 ? data[0][0] : undefined;
    this.#isAhead = false;
    return data;
  }

  #drawn(plot: uPlot): void {
    drawMarks(plot, this.#curves);
    this.#marks = this.#curves.map(({ marks }) => marks.length);
    // It drew by itself, for another size, and without what came meanwhile.
    if (this.#isAhead) queueMicrotask(() => plot === this.plot && plot.setData(this.#data()));
    this.events.drawn();
  }

  /** The width of the plot without its axes, in pixels, which needs no layout. */
  get width(): number {
    return (this.plot?.bbox.width ?? 0) / devicePixelRatio;
  }

  /** Puts the cursor somewhere in the plot, in pixels; without a top over all that is there. */
  moveCursor(left: number, top: number | undefined): void {
    this.plot?.syncRect(true); // no pointer came in, after which uPlot looks where the plot is
    this.plot?.setCursor({ left, top: top ?? NO_TOP });
  }

  /** Shows where x is without telling it as a move of the cursor; nowhere, if it is not given. */
  showCursor(x: number | undefined): void {
    const plot = this.plot;
    if (!plot) return;
    const left = x === undefined ? -1 : plot.valToPos(x, "x");
    const inside = left >= 0 && left <= this.width;
    plot.setCursor({ left: inside ? left : -1, top: NO_TOP }, false);
  }

  /** Returns the pixels of the plot from its top at which a value is. */
  yOf(value: number): number {
    return this.plot?.valToPos(drawable(value), "y") ?? Number.NaN;
  }

  destroy(): void {
    this.plot?.destroy();
    this.plot = undefined;
  }

  #options(settings: Settings): uPlot.Options {
    return {
      width: this.element.clientWidth,
      height: this.element.clientHeight,
      legend: { show: false },
      cursor: {
        drag: { x: true, y: false, setScale: false },
        points: { show: false },
        y: false,
        bind: { dblclick: () => null },
      },
      scales: {
        x: {
          time: settings.axis === "time",
          distr: settings.logX ? 3 : 1,
          range: (_, min, max) => tuple(min === null ? null : this.#xRange(settings, min, max)),
        },
        y: {
          distr: settings.logY ? 3 : 1,
          range: (_, min, max) => tuple(min === null ? null : this.#yRange(settings, min, max)),
        },
      },
      axes: [bottomAxis(settings), leftAxis(settings, unitOfCurves(this.#curves))],
      padding: [null, PAD_RIGHT, null, null],
      series: [{}, ...this.#ends.lines.map((line, i) => this.#series(line, i))],
      hooks: {
        setSelect: [(plot) => this.#select(plot)],
        setCursor: [
          (plot) => {
            const left = plot.cursor.left ?? -1;
            const at = (pixels: number) => plot.posToVal(pixels, "x");
            const [x, from, to] = [at(left), at(left - NEAR), at(left + NEAR)];
            const top = (plot.cursor.top ?? NO_TOP) < 0 ? undefined : plot.cursor.top;
            this.events.point(left < 0 ? undefined : { x, from, to, left, top, over: plot.rect });
          },
        ],
        drawAxes: [(plot) => drawBands(plot, this.#curves)],
        draw: [(plot) => this.#drawn(plot)],
      },
    };
  }

  #series({ curve, stroke, width, dash }: Line, place: number): uPlot.Series {
    const filter = (_: uPlot, index: number, hasDots: boolean) => {
      this.#hasDots = hasDots;
      // Points that no line touches are drawn, however dense the others are.
      return hasDots ? null : (this.#lone[index] ?? null);
    };
    // The line may be that of a newer curve by then.
    const ink = (plot: uPlot) => lineInk(plot, this.#ends.lines[place]?.curve ?? curve);
    return { stroke: curve.spread ? ink : stroke, width, dash, points: { filter, size: 4 } };
  }

  #xRange(settings: Settings, min: number, max: number): Range {
    const x = this.#alone;
    // One point stands in the middle.
    const all = x === undefined ? { min, max } : { min: x - 1, max: x + 1 };
    if (!this.#range) all.max = this.#end = roomyEnd(all, this.#end, settings.logX);
    const range = this.#range ?? all;
    if (settings.logX) return logarithmic(range.min, range.max, 0);
    if (settings.axis !== "time") return widened(range.min, range.max);
    const inside = (seconds: number) => Math.max(-LAST_DATE, Math.min(LAST_DATE, seconds));
    return widened(inside(range.min), inside(range.max), SHORTEST_TIME);
  }

  #yRange(settings: Settings, min: number, max: number): Range {
    const inner = settings.withoutOutliers
      ? this.#usual(min, max)
      : withBands({ min, max }, this.#curves, this.#range, settings.logY);
    const { yMin = inner.min, yMax = inner.max } = settings;
    if (settings.yMin === undefined && settings.yMax === undefined)
      return settings.logY ? logarithmic(inner.min, inner.max, 0.05) : padded(inner.min, inner.max);
    if (settings.logY) return logarithmic(yMin, Math.max(yMin, yMax), 0);
    const room = padded(Math.min(yMin, yMax), Math.max(yMin, yMax));
    return widened(settings.yMin ?? room.min, settings.yMax ?? room.max);
  }

  /** Returns the range of what is drawn without its least and greatest hundredth. */
  #usual(min: number, max: number): Range {
    const { min: from, max: to } = this.plot?.scales.x ?? {};
    const ys = this.#curves
      .flatMap(({ xs, ys, smooth }) =>
        (smooth ?? ys).filter((_, i) => {
          const x = xs[i] ?? 0;
          return x >= (from ?? x) && x <= (to ?? x);
        }),
      )
      .filter((y) => y !== null)
      .sort((a, b) => a - b);
    const at = (part: number) => ys[Math.round(part * (ys.length - 1))];
    return { min: at(OUTLIERS) ?? min, max: at(1 - OUTLIERS) ?? max };
  }

  #select(plot: uPlot): void {
    const { left, width } = plot.select;
    if (width < 3) return;
    this.events.zoom({ min: plot.posToVal(left, "x"), max: plot.posToVal(left + width, "x") });
    plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
  }
}

/** Returns what a chart is made anew for. */
function looks({ runId, place, spread }: Curve) {
  return [runId, place, !!spread, runColour(runId), runDash(runId)];
}

/** Returns a range as uPlot has it. */
function tuple(range: Range | null): uPlot.Range.MinMax {
  return range ? [range.min, range.max] : [null, null];
}

/** Infinities, from those on that are `drawn`: triangles at the edge that they lie beyond. */
function drawMarks(plot: uPlot, curves: Curve[], drawn: number[] = []): void {
  const { ctx, bbox } = plot;
  const size = 5 * devicePixelRatio;
  ctx.save();
  for (const [i, { marks, runId }] of curves.entries()) {
    ctx.fillStyle = runColour(runId);
    for (const { x, up } of marks.slice(drawn[i])) {
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
