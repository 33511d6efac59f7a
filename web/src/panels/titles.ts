// What a panel is called, unless somebody gave it a title.

import { title as columnTitle } from "../runs/columns";
import type { Panel } from "./layout";
import { itemsOf } from "./panelText";

const KINDS: Record<string, string> = {
  line: "Lines",
  bar: "Bars",
  media: "Media",
  scatter: "Scatter",
  histogram: "Histogram",
  importance: "Importance of params",
  parallel: "Parallel coordinates",
  table: "Numbers",
  text: "Text",
  timeline: "Timeline",
};

export function titleOf({ metric, fields }: Panel): string {
  if (fields.title) return fields.title;
  const kind = fields.kind ?? "line";
  if (kind === "scatter" && fields.px && fields.py)
    return `${columnTitle(fields.py)} by ${columnTitle(fields.px)}`;
  const number = fields.number ?? (metric === undefined ? "" : `metrics.${metric}`);
  if (kind === "importance" && number) return `Importance for ${columnTitle(number)}`;
  const of = fields.of ? itemsOf(fields.of) : metric === undefined ? [] : [metric];
  if (kind === "media") return of.at(-1) ?? "Media";
  if ((kind === "line" || kind === "bar") && of.length) return of.join(", ");
  if (kind === "histogram" && of.length) return `${columnTitle(of[0] ?? "")}, histogram`;
  return KINDS[kind] ?? kind;
}

/** Returns all that a search for panels looks at. */
export function searchText(panel: Panel): string {
  return [panel.metric ?? "", titleOf(panel), ...itemsOf(panel.fields.of)].join(" ");
}
