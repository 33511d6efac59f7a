// Pictures of what is drawn, as files.

import { count } from "../parts/format";
import { saveFile } from "../parts/saveFile";
import { colour } from "../parts/theme";
import { element, text } from "./svgElements";

// Pixels of a picture, in either direction: browsers have no larger canvas.
const MOST_PIXELS = 16_000;

const USUAL_SCALE = 2;

const TITLE_HEIGHT = 32;

/** Saves a drawing with its title, in the colours of the present theme, as SVG. */
export function saveSvg(drawing: SVGSVGElement, title: string): void {
  saveFile(`${title}.svg`, textOf(framed(drawing, title)), "image/svg+xml");
}

/**
 * Saves a drawing with its title as PNG, so many times as large as it is: twice, or what browsers can
 * draw, if nobody says.
 */
export async function savePng(
  drawing: SVGSVGElement,
  title: string,
  scale?: number,
): Promise<void> {
  const picture = framed(drawing, title);
  const [width, height] = [sizeOf(picture, "width"), sizeOf(picture, "height")];
  const most = MOST_PIXELS / Math.max(width, height);
  const chosen = scale ?? Math.min(USUAL_SCALE, most);
  if (!(chosen > 0 && chosen <= most)) {
    const limit = Math.floor(100 * most) / 100;
    throw new Error(
      `Size ${chosen} is not above 0 and up to ${limit}, with which it has ${count(MOST_PIXELS)} pixels`,
    );
  }
  const url = URL.createObjectURL(new Blob([textOf(picture)], { type: "image/svg+xml" }));
  const image = new Image(width, height);
  image.src = url;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * chosen));
  canvas.height = Math.max(1, Math.round(height * chosen));
  canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(url);
  const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done));
  if (!blob) throw new Error(`This browser has no room for a picture of size ${chosen}`);
  saveFile(`${title}.png`, blob);
}

/** Returns a drawing as text; what a style sheet says of one in the page is written into it. */
export function svgText(drawing: SVGSVGElement): string {
  return textOf(copyOf(drawing));
}

/** Returns a drawing as a picture by itself: on the ground of the theme, with its title above. */
function framed(drawing: SVGSVGElement, title: string): SVGSVGElement {
  const width = sizeOf(drawing, "width");
  const height = TITLE_HEIGHT + sizeOf(drawing, "height");
  const picture = element("svg", { width, height, viewBox: `0 0 ${width} ${height}` });
  const copy = copyOf(drawing);
  copy.setAttribute("y", String(TITLE_HEIGHT));
  const font = { "font-family": "system-ui, sans-serif", "font-size": 14, "font-weight": 600 };
  picture.append(
    element("rect", { width, height, fill: colour("ground") }),
    text(title, { x: 10, y: 21, ...font }),
    copy,
  );
  return picture;
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

function copyOf(drawing: SVGSVGElement): SVGSVGElement {
  const copy = drawing.cloneNode(true) as SVGSVGElement;
  if (drawing.isConnected) {
    const shown = [drawing, ...drawing.querySelectorAll<SVGElement>("*")];
    const copied = [copy, ...copy.querySelectorAll<SVGElement>("*")];
    shown.forEach((element, i) => {
      const style = getComputedStyle(element);
      for (const name of STYLES) copied[i]?.setAttribute(name, style.getPropertyValue(name));
      copied[i]?.removeAttribute("class");
    });
  }
  return copy;
}

/** The serializer writes the name space of SVG. */
function textOf(picture: SVGSVGElement): string {
  return new XMLSerializer().serializeToString(picture);
}

function sizeOf(drawing: SVGSVGElement, name: "width" | "height"): number {
  return Number(drawing.getAttribute(name));
}
