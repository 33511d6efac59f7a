// Which panels there are, in which sections and order: one line panel for each metric in the section
// of its prefix, one for each series of media, and what somebody changed of that.

import { inOrderOfWeight, SYSTEM } from "../runs/keyMetrics";
import { type Change, type Fields, metricId, sectionId, seriesId } from "./panelText";

/** A panel is data: `kind` says what draws it, the other fields are what that kind reads. */
export interface Panel {
  id: string;
  /** The metric that it is there for; undefined for one that somebody added. */
  metric: string | undefined;
  fields: Fields;
}

export interface Section {
  id: string;
  name: string;
  fields: Fields;
  panels: Panel[];
}

// The section of media that a workspace has by itself.
const MEDIA = "media";
const MEDIA_HEIGHT = "400";

export function layoutOf(metrics: string[], series: string[], changes: Change[]): Section[] {
  const byId = new Map(changes.map((change) => [change.id, change.fields]));
  const sections = new Map<string, Section>();
  const sectionOf = (name: string): Section => {
    const id = sectionId(name);
    const found = sections.get(id) ?? { id, name, fields: byId.get(id) ?? {}, panels: [] };
    sections.set(id, found);
    return found;
  };
  // Sections that were added or moved stand first until they are put somewhere.
  for (const { id } of changes) if (id.startsWith("/") && byId.get(id)?.own) sectionOf(id.slice(1));
  // So does that of panels which somebody added to none.
  if (changes.some(({ id, fields }) => id.startsWith("*") && fields.in === undefined))
    sectionOf("");
  for (const metric of inOrderOfWeight(metrics)) {
    const id = metricId(metric);
    const fields = byId.get(id) ?? {};
    if (fields.gone) continue;
    const prefix = metric.slice(0, metric.lastIndexOf("/") + 1);
    sectionOf(fields.in ?? prefix).panels.push({ id, metric, fields });
  }
  // One that was changed is there before it is found.
  const changedSeries = changes.filter(({ id }) => id.startsWith("@")).map(({ id }) => id.slice(1));
  for (const of of new Set([...series, ...changedSeries])) {
    const id = seriesId(of);
    const fields: Fields = { kind: "media", of, height: MEDIA_HEIGHT, ...byId.get(id) };
    if (!fields.gone) sectionOf(fields.in ?? MEDIA).panels.push({ id, metric: undefined, fields });
  }
  // What was added stands before what is there by itself.
  for (const { id, fields } of changes.toReversed())
    if (id.startsWith("*") && fields.kind)
      sectionOf(fields.in ?? "").panels.unshift({ id, metric: undefined, fields });
  const all = [...sections.values()].sort((a, b) => order(a) - order(b));
  for (const { id, fields } of changes) {
    if (fields.after === undefined) continue;
    if (id.startsWith("/")) place(all, id, fields.after);
    else placePanel(all, id, fields.after);
  }
  return all.filter((section) => section.panels.length || section.fields.own);
}

/** Metrics of the machine come after all that was trained, and media after them: they are found last. */
function order({ name }: Section): number {
  if (name === MEDIA) return 2;
  return name.startsWith(SYSTEM) ? 1 : 0;
}

/** Puts what has an id behind another in a list; first, if that is empty. What is not there stays. */
function place(list: { id: string }[], id: string, after: string): void {
  const from = list.findIndex((one) => one.id === id);
  const [moved] = from < 0 ? [] : list.splice(from, 1);
  if (!moved) return;
  const to = after === "" ? 0 : list.findIndex((one) => one.id === after) + 1;
  list.splice(to || (after === "" ? 0 : from), 0, moved);
}

function placePanel(sections: Section[], id: string, after: string): void {
  const section = sections.find(({ panels }) => panels.some((panel) => panel.id === id));
  if (section) place(section.panels, id, after);
}

/** Returns changes with some fields of one set; a field without a value is as by itself again. */
export function changed(changes: Change[], id: string, fields: Record<string, string | undefined>) {
  const before = changes.find((change) => change.id === id)?.fields ?? {};
  const merged = Object.entries({ ...before, ...fields }).filter(
    (pair): pair is [string, string] => pair[1] !== undefined,
  );
  const change = { id, fields: Object.fromEntries(merged) };
  const others = changes.filter((one) => one.id !== id);
  // What was moved last is moved after all others.
  if ("after" in fields) return merged.length ? [...others, change] : others;
  const at = changes.findIndex((one) => one.id === id);
  const next = at < 0 ? [...changes, change] : changes.with(at, change);
  return next.filter((one) => Object.keys(one.fields).length);
}
