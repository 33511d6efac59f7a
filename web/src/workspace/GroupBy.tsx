// By what runs are grouped: keys as chips, and a field that completes more.

import { createSignal, createUniqueId, For, Show } from "solid-js";
import { STATISTICS, type Statistic } from "../api/runGroups";
import type { Keys } from "../api/runs";
import type { Change } from "../parts/address";
import { type Column, PARENT, title } from "../runs/columns";

const MOST = 5;
const OTHERS: Column[] = [PARENT, "datasets.name", "status", "user_id", "run_name"];
const WORDS: Record<Statistic, string> = {
  mean: "mean",
  median: "median",
  minimum: "min",
  maximum: "max",
  deviation: "std. dev.",
};

export function GroupBy(props: {
  groups: Column[];
  setGroups: (change: Change<Column[]>) => void;
  statistic: Statistic;
  setStatistic: (statistic: Statistic) => void;
  keys: Keys | undefined;
  /** Told when keys are to be completed. */
  wanted: () => void;
}) {
  const id = createUniqueId();
  let input!: HTMLInputElement;
  const [unknown, setUnknown] = createSignal("");
  const choices = () => [
    ...OTHERS,
    ...(props.keys?.params ?? []).map((key) => `params.${key}`),
    ...(props.keys?.tags ?? []).map((key) => `tags.${key}`),
  ];
  const shownName = (column: Column) => (OTHERS.includes(column) ? title(column) : column);
  const find = (text: string) =>
    // A key may be typed before those that there are are known.
    (!props.keys && /^(params|tags)\../.test(text) ? text : undefined) ??
    choices().find((column) => [column, shownName(column)].includes(text)) ??
    choices().find((column) => column === `params.${text}` || column === `tags.${text}`);
  const add = (isDone: boolean) => {
    const text = input.value.trim();
    const column = find(text);
    if (column) props.setGroups((now) => (now.includes(column) ? now : [...now, column]));
    if (column) input.value = "";
    setUnknown(isDone && text && !column ? text : "");
  };
  return (
    <div class="group-by">
      <For each={props.groups}>
        {(column) => (
          <span class="chip">
            {shownName(column)}
            <button
              type="button"
              class="quiet"
              aria-label={`Do not group by ${shownName(column)}`}
              onClick={() => props.setGroups((now) => now.filter((other) => other !== column))}
            >
              ×
            </button>
          </span>
        )}
      </For>
      <Show when={props.groups.length < MOST}>
        <input
          ref={input}
          type="text"
          list={`${id}-keys`}
          aria-label="Group by"
          aria-invalid={!!unknown()}
          aria-describedby={unknown() ? `${id}-unknown` : undefined}
          placeholder={props.groups.length ? "and by…" : "Group by…"}
          autocomplete="off"
          spellcheck={false}
          onFocus={() => props.wanted()}
          // Who chooses from the list need not press Enter.
          onInput={(event) =>
            !(event as InputEvent).inputType?.startsWith("insertText") && add(false)
          }
          onKeyDown={(event) => event.key === "Enter" && add(true)}
          onBlur={() => setUnknown("")}
        />
        <datalist id={`${id}-keys`}>
          <For each={choices().filter((column) => !props.groups.includes(column))}>
            {(column) => <option value={shownName(column)} />}
          </For>
        </datalist>
      </Show>
      <Show when={unknown()}>
        <span class="unknown" role="alert" id={`${id}-unknown`}>
          No param or tag is called {unknown()}.
        </span>
      </Show>
      <Show when={props.groups.length}>
        <select
          aria-label="Shown of groups"
          value={props.statistic}
          onChange={(event) => props.setStatistic(event.currentTarget.value as Statistic)}
        >
          <For each={STATISTICS}>{(one) => <option value={one}>{WORDS[one]}</option>}</For>
        </select>
      </Show>
    </div>
  );
}
