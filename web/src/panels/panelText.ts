// What somebody changed of the panels, as the text that the address has: one item for each panel or
// section that is not as it would be by itself, in the order in which they were changed.
//
// `train/loss;y=0..1,*1;kind=bar;of=val/loss|val/acc,/train/;fold=1,@images|samples;step=7`
//
// A panel of a metric has the metric's name, one of a series of media the series behind `@`, one that
// was added a number behind `*`, a section its name behind `/`; a dot comes before the name of a metric
// that begins with one of these four.

import { listOf, textOf } from "../parts/address";

export type Fields = Record<string, string>;

/** What is other than by itself of a panel or section. */
export interface Change {
  id: string;
  fields: Fields;
}

/** The id of what stands for a metric. */
export function metricId(metric: string): string {
  return /^[*/.@]/.test(metric) ? `.${metric}` : metric;
}

/** The id of what stands for a series: its folder and key, as the field of a panel has them. */
export function seriesId(series: string): string {
  return `@${series}`;
}

export function sectionId(name: string): string {
  return `/${name}`;
}

/** Returns an id for a panel that is added. */
export function freeId(changes: Change[]): string {
  let number = 1;
  while (changes.some(({ id }) => id === `*${number}`)) number += 1;
  return `*${number}`;
}

export function changesOf(text: string): Change[] {
  return listOf(text).map((item) => {
    const [id = "", ...pairs] = item.split(";").map((one) => decoded(one, ";"));
    const fields: Fields = {};
    for (const pair of pairs) {
      const at = pair.indexOf("=");
      if (at > 0) fields[pair.slice(0, at)] = pair.slice(at + 1);
    }
    return { id, fields };
  });
}

export function textOfChanges(changes: Change[]): string {
  return textOf(
    changes.map(({ id, fields }) =>
      [id, ...Object.entries(fields).map(([name, value]) => `${name}=${value}`)]
        .map((one) => encoded(one, ";"))
        .join(";"),
    ),
  );
}

/** Returns a list as the value of a field, with `|` between its items. */
export function fieldOf(list: string[]): string {
  return list.map((item) => encoded(item, "|")).join("|");
}

export function itemsOf(field: string | undefined): string[] {
  return field ? field.split("|").map((item) => decoded(item, "|")) : [];
}

// `~` stands before what would be read otherwise; the address has a meaning of its own for `%`.
function encoded(text: string, separator: string): string {
  return text.replaceAll("~", "~0").replaceAll(separator, "~1");
}

function decoded(text: string, separator: string): string {
  return text.replaceAll("~1", separator).replaceAll("~0", "~");
}
