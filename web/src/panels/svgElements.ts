// Elements of drawings that are made, and not rendered.

import { colour } from "../parts/theme";

export function element(name: "svg", fields: Record<string, string | number>): SVGSVGElement;
export function element(name: string, fields: Record<string, string | number>): SVGElement;
export function element(name: string, fields: Record<string, string | number>): SVGElement {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [field, value] of Object.entries(fields)) made.setAttribute(field, String(value));
  return made;
}

export function text(content: string, fields: Record<string, string | number>): SVGElement {
  const made = element("text", { fill: colour("text"), ...fields });
  made.textContent = content;
  return made;
}
