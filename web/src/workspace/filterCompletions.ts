// What completes a filter at the cursor: keys, operators that fit the key, and values that runs have.

import { createEffect, createMemo, createSignal, on, onCleanup } from "solid-js";
import { listValues, type Values, type View } from "../api/filters";
import type { Keys } from "../api/runs";
import { number } from "../parts/format";
import { ATTRIBUTES, searchKey } from "../runs/columns";
import { literal } from "../runs/conditions";
import type { Place } from "./filterPlace";
import { unquoted } from "./filterText";

const MOST = 50;
const PAUSE_MS = 150;
const NUMBERS = /^(metrics?|minimum|maximum)\.|^(start_time|end_time|duration|created)$/i;
const PAIRS = /^(params?|parameters?|tags?)\./i;
const TIMES = ["start_time", "end_time", "created"];

/** What can be put in place of the word at the cursor. */
export interface Completion {
  label: string;
  note?: string;
  insert: string;
}

const COMPARISONS: Completion[] = ["<", "<=", ">", ">=", "=", "!="].map(completionOf);
const BETWEEN = [
  { ...completionOf("BETWEEN"), note: "two values" },
  { ...completionOf("IS NULL"), note: "not there" },
  { ...completionOf("IS NOT NULL"), note: "there" },
];
const TEXTS: Completion[] = [
  completionOf("="),
  completionOf("!="),
  { label: "IN", note: "one of", insert: "IN (" },
  { ...completionOf("ILIKE"), note: "any case; % is any text" },
  { ...completionOf("RLIKE"), note: "regular expression" },
];

/** Follows what is typed; the source is the place of the cursor, or nothing. */
export function createCompletions(props: {
  place: () => Place | undefined;
  keys: () => Keys | undefined;
  experimentId: () => string;
  view: () => View;
}) {
  const [values, setValues] = createSignal<Values>();
  const asked = createMemo(
    () => {
      const place = props.place();
      if (place?.kind !== "value" || /like$/.test(place.operator)) return undefined;
      return { key: place.key, contains: NUMBERS.test(place.key) ? "" : unquoted(place.word) };
    },
    undefined,
    { equals: (a, b) => a?.key === b?.key && a?.contains === b?.contains },
  );
  createEffect(
    on(asked, (now, before) => {
      if (now?.key !== before?.key) setValues(undefined);
      if (!now) return;
      let stale = false;
      const timer = setTimeout(async () => {
        const found = await listValues(props.experimentId(), now.key, now.contains, props.view())
          // A key that is no key has no values; its mistake is told when the filter is applied.
          .catch(() => undefined);
        if (!stale) setValues(found);
      }, PAUSE_MS);
      onCleanup(() => {
        stale = true;
        clearTimeout(timer);
      });
    }),
  );
  const all = createMemo(() => keysOf(props.keys()));
  const found = createMemo<Completion[]>(() => {
    const place = props.place();
    if (!place) return [];
    if (place.kind === "key") return fittingKeys(all(), place.word);
    if (place.kind === "operator") return beginning(operatorsOf(place.key), place.word);
    if (place.kind === "value") return valuesOf(place, values());
    return place.word ? beginning(["AND", "OR"].map(completionOf), place.word) : [];
  });
  const range = createMemo(() => {
    const place = props.place();
    const { minimum, maximum } = values() ?? {};
    if (place?.kind !== "value" || minimum === undefined || maximum === undefined) return "";
    if (TIMES.includes(place.key)) return "";
    return minimum === maximum ? number(minimum) : `${number(minimum)} to ${number(maximum)}`;
  });
  return { found, range };
}

function completionOf(word: string): Completion {
  return { label: word, insert: `${word} ` };
}

function keysOf(keys: Keys | undefined): string[] {
  const { metrics = [], params = [], tags = [] } = keys ?? {};
  return [
    ...metrics.map((key) => `metrics.${key}`),
    ...params.map((key) => `params.${key}`),
    ...tags.map((key) => `tags.${key}`),
    "run_name",
    ...ATTRIBUTES,
    ...metrics.flatMap((key) => [`minimum.${key}`, `maximum.${key}`]),
  ];
}

function fittingKeys(all: string[], word: string): Completion[] {
  const text = word.replace(/^(\w+\.)["'`]/, "$1").toLowerCase();
  const fits = all.filter((key) => key.toLowerCase().includes(text) && key !== word);
  // Those that begin so come first, and their keys before the rest.
  const place = (key: string) =>
    key
      .toLowerCase()
      .replace(/^\w+\./, "")
      .indexOf(text);
  const rank = (key: string) =>
    key.toLowerCase().startsWith(text) ? -1 : place(key) < 0 ? Number.MAX_VALUE : place(key);
  const sorted = text ? fits.sort((a, b) => rank(a) - rank(b)) : fits;
  return sorted.slice(0, MOST).map((key) => ({ label: key, insert: `${searchKey(key)} ` }));
}

function operatorsOf(key: string): Completion[] {
  if (NUMBERS.test(key)) return [...COMPARISONS, ...BETWEEN];
  if (PAIRS.test(key)) return [...TEXTS, ...COMPARISONS.slice(0, 4), ...BETWEEN];
  return [...TEXTS, ...BETWEEN.slice(1)];
}

function beginning(completions: Completion[], word: string): Completion[] {
  const text = word.toLowerCase();
  return completions.filter(
    ({ label }) => label.toLowerCase().startsWith(text) && label.toLowerCase() !== text,
  );
}

function valuesOf(place: Place, values: Values | undefined): Completion[] {
  if (TIMES.includes(place.key)) return times(place.word);
  const open = place.operator === "in" && !place.listed ? "(" : "";
  const end = place.operator === "in" ? "" : " ";
  return (values?.values ?? []).map(({ value, runs }) => ({
    label: value,
    note: runs === 1 ? "1 run" : `${runs} runs`,
    insert: open + literal(place.key, value) + end,
  }));
}

function times(word: string): Completion[] {
  const today = new Date().toISOString().slice(0, 10);
  const known: [string, string][] = [
    ["now - 1d", "the last day"],
    ["now - 7d", "the last 7 days"],
    ["now - 30d", "the last 30 days"],
    [today, "today, UTC"],
  ];
  return known
    .filter(([time]) => time.startsWith(word.toLowerCase()))
    .map(([time, note]) => ({ label: time, note, insert: `${time} ` }));
}
