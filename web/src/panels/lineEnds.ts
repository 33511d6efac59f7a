// What came to the ends of lines since a chart was drawn: it is drawn over what is there, which costs
// a small part of drawing all.

import type uPlot from "uplot";
import type { Line } from "./lines";
import { drawable } from "./scales";

/** Which ends of the axes somebody chose. */
interface ChosenEnds {
  x: boolean;
  yMin: boolean;
  yMax: boolean;
}

/** How far the lines of a chart are drawn. */
export class LineEnds {
  /** Of each line how many of its points are drawn, and how far into its dashes it is, in pixels. */
  readonly #ends: { points: number; along: number }[];

  constructor(readonly lines: Line[]) {
    this.#ends = lines.map(({ xs }) => ({ points: xs.length, along: 0 }));
  }

  /**
   * Returns whether what came can be drawn over what is there: it is within the axes, and makes no
   * point that stands alone, nor takes its mark from one. What is beyond a chosen end is not shown.
   */
  canBeDrawn(plot: uPlot, isChosen: ChosenEnds): boolean {
    const { x, y } = plot.scales;
    const [left, right] = [x?.min ?? Number.NaN, x?.max ?? Number.NaN];
    const bottom = isChosen.yMin ? Number.NEGATIVE_INFINITY : (y?.min ?? Number.NaN);
    const top = isChosen.yMax ? Number.POSITIVE_INFINITY : (y?.max ?? Number.NaN);
    return this.lines.every(({ xs, ys }, line) => {
      for (let i = this.#ends[line]?.points ?? 0; i < xs.length; i++) {
        const [at, value] = [xs[i] ?? Number.NaN, ys[i] ?? null];
        const isInside = at >= left && at <= right;
        if (!isInside && !isChosen.x) return false;
        if (value === null) continue;
        if (isInside && !(drawable(value) >= bottom && drawable(value) <= top)) return false;
        if ((ys[i - 1] ?? null) === null || (ys[i - 2] ?? null) === null) return false;
      }
      return true;
    });
  }

  draw(plot: uPlot): void {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.lineJoin = "round";
    for (const [line, one] of this.lines.entries()) {
      const end = this.#ends[line];
      if (!end || end.points >= one.xs.length) continue;
      end.along += drawEnd(plot, one, end.points, end.along);
      end.points = one.xs.length;
    }
    ctx.restore();
  }
}

/** Draws a line from the point before an index on; returns how long that is. */
function drawEnd(plot: uPlot, line: Line, from: number, along: number): number {
  const { ctx } = plot;
  ctx.strokeStyle = line.stroke;
  ctx.lineWidth = line.width * devicePixelRatio;
  // A round end closes the corner to what is there; it would make gaps between dashes shorter.
  ctx.lineCap = line.width > 1 && !line.dash.length ? "round" : "butt";
  ctx.setLineDash(line.dash);
  ctx.lineDashOffset = along;
  ctx.beginPath();
  // Where uPlot puts its lines: on whole pixels, or between them.
  const shift = (ctx.lineWidth % 2) / 2;
  let length = 0;
  let before: [number, number] | undefined;
  for (let i = from - 1; i < line.xs.length; i++) {
    const [x, y] = [line.xs[i], line.ys[i] ?? null];
    if (x === undefined || y === null) {
      before = undefined;
      continue;
    }
    const left = Math.round(plot.valToPos(x, "x", true)) + shift;
    const top = Math.round(plot.valToPos(drawable(y), "y", true)) + shift;
    if (before) {
      ctx.lineTo(left, top);
      length += Math.hypot(left - before[0], top - before[1]);
    } else ctx.moveTo(left, top);
    before = [left, top];
  }
  ctx.stroke();
  return length;
}
