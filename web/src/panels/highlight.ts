// The curve of one run over all others. It has a canvas of its own, so that it comes and goes without
// the others being drawn again.

import type uPlot from "uplot";
import { colour } from "../parts/theme";
import { runColour } from "./colours";
import type { Curve } from "./curves";
import type { LinePlot } from "./linePlot";
import { drawable } from "./scales";

export class Highlight {
  readonly canvas = document.createElement("canvas");

  constructor() {
    this.canvas.className = "highlight";
  }

  /** Draws a curve over those of a chart; nothing, if it is not given. */
  draw({ plot }: LinePlot, curve: Curve | undefined): void {
    if (!plot || !curve) {
      this.canvas.remove();
      return;
    }
    if (this.canvas.parentElement !== plot.over) plot.over.append(this.canvas);
    const { width, height } = plot.bbox;
    // A new size costs a new canvas.
    if (this.canvas.width !== width) this.canvas.width = width;
    if (this.canvas.height !== height) this.canvas.height = height;
    const context = this.canvas.getContext("2d");
    if (!context) return;
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    context.clearRect(0, 0, width, height);
    const path = pathOf(plot, curve);
    context.lineJoin = "round";
    for (const [stroke, size] of [
      [colour("ground"), 6],
      [runColour(curve.runId), 3],
    ] as const) {
      context.strokeStyle = stroke;
      context.lineWidth = size;
      context.stroke(path);
    }
  }
}

function pathOf(plot: uPlot, { xs, ys, smooth }: Curve): Path2D {
  const path = new Path2D();
  let isGap = true;
  for (const [i, x] of xs.entries()) {
    const y = (smooth ?? ys)[i];
    if (y === null || y === undefined) isGap = true;
    else {
      const [left, top] = [plot.valToPos(x, "x"), plot.valToPos(drawable(y), "y")];
      if (isGap) path.moveTo(left, top);
      path.lineTo(left, top);
      isGap = false;
    }
  }
  return path;
}
