// Pictures of what is drawn, as files.

import { saveFile } from "../parts/saveFile";

// Pixels of a picture, in either direction: browsers have no larger canvas.
const MOST_PIXELS = 16_000;

/** Saves a drawing, with the colours of the present theme written into it, as SVG. */
export function saveSvg(drawing: SVGSVGElement, title: string): void {
  saveFile(`${title}.svg`, svgText(drawing), "image/svg+xml");
}

/** Saves a drawing as PNG, so many times as large as it is. */
export async function savePng(drawing: SVGSVGElement, title: string, scale: number): Promise<void> {
  const width = Number(drawing.getAttribute("width"));
  const height = Number(drawing.getAttribute("height"));
  const fits = Math.min(scale, MOST_PIXELS / Math.max(width, height));
  const url = URL.createObjectURL(new Blob([svgText(drawing)], { type: "image/svg+xml" }));
  const image = new Image(width, height);
  image.src = url;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(width * fits);
  canvas.height = Math.round(height * fits);
  canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(url);
  canvas.toBlob((blob) => blob && saveFile(`${title}.png`, blob));
}

const STYLES = [
  "fill",
  "stroke",
  "stroke-width",
  "paint-order",
  "opacity",
  "font-size",
  "font-family",
];

/** Returns a drawing as text; what a style sheet says of one in the page is written into it. */
export function svgText(drawing: SVGSVGElement): string {
  const copy = drawing.cloneNode(true) as SVGSVGElement;
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  if (drawing.isConnected) {
    const shown = [drawing, ...drawing.querySelectorAll<SVGElement>("*")];
    const copied = [copy, ...copy.querySelectorAll<SVGElement>("*")];
    shown.forEach((element, i) => {
      const style = getComputedStyle(element);
      for (const name of STYLES) copied[i]?.setAttribute(name, style.getPropertyValue(name));
      copied[i]?.removeAttribute("class");
    });
  }
  return new XMLSerializer().serializeToString(copy);
}
