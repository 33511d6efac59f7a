// What can be done with a panel that is drawn as SVG: the picture, and what it shows, as files.

import type { MenuItem } from "../parts/Menu";
import { attempt } from "../parts/notices";
import { savePng, saveSvg } from "./saveImage";
import { type Rows, tableActions } from "./saveTable";

export function drawingActions(
  drawing: () => SVGSVGElement | undefined,
  title: () => string,
  rows: () => Rows,
): MenuItem[] {
  const png = (scale: number) =>
    attempt(async () => {
      const svg = drawing();
      if (svg) await savePng(svg, title(), scale);
    });
  return [
    { label: "PNG", act: () => png(2) },
    { label: "PNG, twice as large", act: () => png(4) },
    {
      label: "SVG",
      act: () => {
        const svg = drawing();
        if (svg) saveSvg(svg, title());
      },
    },
    ...tableActions(title, rows),
  ];
}
