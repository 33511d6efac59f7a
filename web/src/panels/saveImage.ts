// Pictures of what is drawn.

import type { Run } from "../api/runs";
import { saveFile } from "../parts/saveFile";
import { colour } from "../parts/theme";
import { runColour } from "./colours";

const LINE = 18;

/** Saves a canvas with a title above it and the names of its runs below, as PNG. */
export function saveChartImage(canvas: HTMLCanvasElement, title: string, runs: Run[]): void {
  const scale = devicePixelRatio;
  const out = document.createElement("canvas");
  out.width = canvas.width;
  out.height = canvas.height + (runs.length + 3) * LINE * scale;
  const context = out.getContext("2d");
  if (!context) return;
  context.fillStyle = colour("ground");
  context.fillRect(0, 0, out.width, out.height);
  context.drawImage(canvas, 0, 1.5 * LINE * scale);
  context.scale(scale, scale);
  context.font = "bold 13px system-ui, sans-serif";
  context.fillStyle = colour("text");
  context.fillText(title, 8, LINE);
  context.font = "12px system-ui, sans-serif";
  runs.forEach((run, i) => {
    const y = canvas.height / scale + (2.5 + i) * LINE;
    context.fillStyle = runColour(run.id);
    context.fillRect(8, y - 8, 14, 3);
    context.fillStyle = colour("text");
    context.fillText(run.name, 30, y);
  });
  out.toBlob((blob) => blob && saveFile(`${title}.png`, blob));
}

/** Saves a drawing, with the colours of the present theme written into it, as SVG. */
export function saveDrawingImage(drawing: SVGSVGElement, title: string): void {
  const copy = drawing.cloneNode(true) as SVGSVGElement;
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  const shown = [drawing, ...drawing.querySelectorAll<SVGElement>("*")];
  const copied = [copy, ...copy.querySelectorAll<SVGElement>("*")];
  shown.forEach((element, i) => {
    const style = getComputedStyle(element);
    for (const name of ["fill", "stroke", "stroke-width", "opacity", "font-size", "font-family"])
      copied[i]?.setAttribute(name, style.getPropertyValue(name));
    copied[i]?.removeAttribute("class");
  });
  saveFile(`${title}.svg`, new XMLSerializer().serializeToString(copy), "image/svg+xml");
}
