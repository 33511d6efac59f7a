// What runs are coloured by: each by its own colour, or by what they have in a column.

import { createMemo, For, Show } from "solid-js";
import type { Run } from "../api/runs";
import { PARENT_TAG } from "../api/runs";
import { short } from "../parts/format";
import { type Column, title, value } from "../runs/columns";
import { coloursOfValues, isScale } from "./colours";
import { HeatLegend } from "./HeatLegend";

// Columns that are offered, and values that are told.
const MOST = 200;
const MOST_TOLD = 40;
const ATTRIBUTES: Column[] = ["status", "user_id"];

export function ColourChoice(props: {
  runs: Run[];
  by: Column;
  choose: (column: Column) => void;
  /** What they are coloured by if no column is chosen. */
  usual: string;
}) {
  // Of params and tags those in which runs differ: others would colour all alike.
  const columns = createMemo(
    () => {
      const keys = new Set<Column>();
      for (const run of props.runs) {
        for (const key of run.params.keys()) keys.add(`params.${key}`);
        for (const key of run.tags.keys())
          if (key === PARENT_TAG || !key.startsWith("mlflow.")) keys.add(`tags.${key}`);
      }
      const differ = (column: Column) =>
        new Set(props.runs.map((run) => value(run, column))).size > 1;
      const found = [...[...keys].sort(), ...ATTRIBUTES].filter(differ).slice(0, MOST);
      return props.by && !found.includes(props.by) ? [props.by, ...found] : found;
    },
    [],
    { equals: (a, b) => a.join("\n") === b.join("\n") },
  );
  return (
    <Show when={columns().length}>
      <label>
        Colour
        <select
          aria-label="Colour runs by"
          onChange={(event) => props.choose(event.currentTarget.value)}
        >
          <option value="" selected={!props.by}>
            {props.usual}
          </option>
          <For each={columns()}>
            {(column) => (
              <option value={column} selected={column === props.by}>
                {named(column)}
              </option>
            )}
          </For>
        </select>
      </label>
    </Show>
  );
}

/** The values that the runs have, and their colours. */
export function ValueLegend(props: { runs: Run[]; by: Column }) {
  const values = createMemo(() => coloursOfValues({ runs: props.runs, by: props.by }));
  const isHeat = createMemo(() => isScale({ runs: props.runs, by: props.by }));
  return (
    <Show
      when={!isHeat()}
      fallback={
        <HeatLegend
          title={named(props.by)}
          from={values()[0]?.text ?? ""}
          to={values().at(-1)?.text ?? ""}
        />
      }
    >
      <ul class="legend values-legend" aria-label={`Colours of ${named(props.by)}`}>
        <li class="hint">{named(props.by)}</li>
        <For each={values().slice(0, MOST_TOLD)}>
          {({ text, colour }) => (
            <li>
              <span class="swatch" style={{ background: colour }} /> {short(text)}
            </li>
          )}
        </For>
        <Show when={values().length > MOST_TOLD}>
          <li class="hint">and {values().length - MOST_TOLD} more</li>
        </Show>
      </ul>
    </Show>
  );
}

function named(column: Column): string {
  return column === `tags.${PARENT_TAG}` ? "Parent run" : title(column);
}
