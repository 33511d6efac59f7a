// Which of the series that runs logged a panel shows.

import { createMemo, createUniqueId, For } from "solid-js";
import { readFirstMedia } from "../files/mediaSeries";
import { createLoaded } from "../parts/loaded";
import type { LiveRuns } from "../runs/liveRuns";
import { fieldOf, itemsOf } from "./panelText";

// Runs that are looked through.
const MOST_RUNS = 5;

export function SeriesChoice(props: {
  label: string;
  value: string;
  live: LiveRuns;
  set: (value: string) => void;
}) {
  const id = createUniqueId();
  const ids = createMemo(() =>
    props.live
      .runs()
      .slice(0, MOST_RUNS)
      .map((run) => run.id),
  );
  const media = createLoaded(ids, readFirstMedia);
  const series = createMemo(() => [
    ...new Set([
      ...(props.value ? [props.value] : []),
      ...(media.latest() ?? []).map(({ folder, key }) => fieldOf([folder, key])),
    ]),
  ]);
  return (
    <label for={id}>
      {props.label}
      <select id={id} onChange={(event) => props.set(event.currentTarget.value)}>
        <option value="">{media.loading() ? "Loading…" : "—"}</option>
        <For each={series()}>
          {(one) => (
            <option value={one} selected={one === props.value}>
              {itemsOf(one).join("/")}
            </option>
          )}
        </For>
      </select>
    </label>
  );
}
