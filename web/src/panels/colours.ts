// One colour for each run, by its id: the same in every chart, on every page, for everybody.
//
// Two of many runs have one of twenty colours; where both are drawn, one of them is dashed. Runs can
// be coloured by what they have in a column, too: then those with one value have one colour. A group
// has the colour of its values, and so have its runs.

import { createMemo, createRoot, createSignal, onCleanup } from "solid-js";
import type { Run } from "../api/runs";
import { numberOf } from "../parts/numeric";
import { theme } from "../parts/theme";
import { type Column, value } from "../runs/columns";
import { heat } from "./heat";
import { PALETTES } from "./palette";

const DASHES = [[], [6, 4], [2, 3], [10, 3, 2, 3], [12, 6], [1, 5], [6, 2, 2, 2, 2, 2], [16, 2]];
// Numbers that are more than these are coloured along a scale, in their order.
const FEW = 8;

// Of runs that have no value.
const NONE = "#84898f";

/** Runs that are drawn together, and the column that they are coloured by; empty for their ids. */
interface Drawn {
  runs: Run[];
  by: Column;
  /** Groups that are drawn, too: their runs have their colours, if no column is chosen. */
  groups?: { id: string; runIds: string[] }[];
}

/** A value of the column that runs are coloured by. */
interface ValueColour {
  text: string;
  colour: string;
}

const [drawn, setDrawn] = createSignal<(() => Drawn)[]>([]);

interface Style {
  colour?: string;
  dash: number[];
}

/** How runs are drawn, by their ids: another map when one of them looks otherwise. */
export const styles = createRoot(() =>
  createMemo(stylesOf, undefined, {
    // Runs are told anew without looking otherwise.
    equals: (a, b) => JSON.stringify([...a]) === JSON.stringify([...b]),
  }),
);

function stylesOf(): Map<string, Style> {
  const found = new Map<string, Style>();
  for (const { runs, by, groups = [] } of drawn().map((one) => one())) {
    const ofGroups = dashes(groups);
    for (const [id, dash] of ofGroups) found.set(id, { dash });
    const inGroups = new Set(groups.flatMap(({ runIds }) => runIds));
    for (const { id, runIds } of groups)
      for (const runId of runIds)
        found.set(runId, { colour: paletteColour(id), dash: ofGroups.get(id) ?? [] });
    if (by) {
      const colours = valueColours(runs, by);
      for (const run of runs) {
        const colour = colours.get(valueText(run, by));
        found.set(run.id, { ...(colour && { colour }), dash: [] });
      }
    } else
      for (const [id, dash] of dashes(runs.filter((run) => !inGroups.has(run.id))))
        found.set(id, { dash });
  }
  return found;
}

/** Says what a component draws, for as long as it is there. */
export function useColours(of: () => Drawn): void {
  setDrawn((all) => [...all, of]);
  onCleanup(() => setDrawn((all) => all.filter((other) => other !== of)));
}

export function runColour(id: string): string {
  return styles().get(id)?.colour ?? paletteColour(id);
}

/** The dashes of a run whose colour another run that is drawn has, too. */
export function runDash(id: string): number[] {
  return styles().get(id)?.dash ?? [];
}

/** Dashes for the second and further metrics of a panel. */
export function metricDash(place: number): number[] {
  return [[], [7, 4], [2, 3], [10, 3, 2, 3], [1, 5]][place % 5] ?? [];
}

/** Returns whether the colours of values go from little to much. */
export function isScale({ runs, by }: Drawn): boolean {
  return areManyNumbers([...new Set(runs.map((run) => valueText(run, by)))]);
}

/** Returns what runs have in a column, and the colour of each. */
export function coloursOfValues({ runs, by }: Omit<Drawn, "groups">): ValueColour[] {
  return [...valueColours(runs, by)].map(([text, colour]) => ({ text: text || "none", colour }));
}

/** Returns the colour that a text always has. */
function paletteColour(text: string): string {
  return PALETTES[theme()][hash(text) % PALETTES[theme()].length] ?? "";
}

/** FNV-1a, of 32 bits. */
function hash(text: string): number {
  let sum = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    sum ^= text.charCodeAt(i);
    sum = Math.imul(sum, 0x01000193);
  }
  // The last bits of the sum alone are no good choice among twenty.
  return (sum ^ (sum >>> 15)) >>> 0;
}

function dashes(runs: { id: string }[]): Map<string, number[]> {
  const found = new Map<string, number[]>();
  const drawnOf = new Map<string, number>();
  // By their ids, so that the order in which they are listed changes nothing.
  for (const { id } of runs.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
    const colour = paletteColour(id);
    const before = drawnOf.get(colour) ?? 0;
    drawnOf.set(colour, before + 1);
    found.set(id, DASHES[before % DASHES.length] ?? []);
  }
  return found;
}

function valueText(run: Run, by: Column): string {
  return String(value(run, by) ?? "");
}

function areManyNumbers(texts: string[]): boolean {
  return texts.length > FEW && texts.every((text) => numberOf(text) !== undefined);
}

function valueColours(runs: Run[], by: Column): Map<string, string> {
  const texts = [...new Set(runs.map((run) => valueText(run, by)))];
  const ordered = texts.toSorted(
    (a, b) => (numberOf(a) ?? Number.NaN) - (numberOf(b) ?? Number.NaN) || (a < b ? -1 : 1),
  );
  if (areManyNumbers(texts))
    return new Map(ordered.map((text, i) => [text, heat(i / (ordered.length - 1))]));
  // A text has its own colour; the next free one, where another of these has that.
  const palette = PALETTES[theme()];
  const taken = new Set<number>();
  return new Map(
    ordered.map((text) => {
      if (!text) return [text, NONE];
      let place = hash(text) % palette.length;
      while (taken.has(place) && taken.size < palette.length) place = (place + 1) % palette.length;
      taken.add(place);
      return [text, palette[place] ?? ""];
    }),
  );
}
