// What happened to a run: when it started, was lost, went on and ended, what it stored, and what is set while
// somebody looks.

import { createMemo, createSignal, For, Show } from "solid-js";
import { newestOf } from "../alerts/feed";
import { listAlerts } from "../api/alerts";
import { firstFiles } from "../api/artifacts";
import type { Schemas } from "../api/client";
import type { Run } from "../api/runs";
import { ErrorNote } from "../parts/ErrorNote";
import { count, time } from "../parts/format";
import { createLoaded } from "../parts/loaded";
import { ScrollRegion } from "../parts/ScrollRegion";
import type { LiveRuns } from "../runs/liveRuns";
import { alertsOf, changesOf, type RunEvent, statesOf, uploadsOf } from "./events";

const MOST_FILES = 1_000;
const MOST_EVENTS = 200;
const MOST_ALERTS = 50;

export function RunTimeline(props: {
  run: Run;
  live: LiveRuns;
  models: Schemas["LoggedModelInfo"][];
}) {
  // A run stores most of its files at its end.
  const files = createLoaded(
    () => [props.run.id, props.run.end] as const,
    ([id]) => firstFiles(id, MOST_FILES),
  );
  // Rules tell of a run while it goes on, and when it has ended.
  const alerts = createLoaded(
    () => [props.run.id, props.run.end, newestOf({ ...props.run, runId: props.run.id })] as const,
    ([runId]) => listAlerts({ runId, most: MOST_ALERTS }),
  );
  const [seen, setSeen] = createSignal<RunEvent[]>([]);
  props.live.listen((changes) => {
    const now = Date.now();
    const found = changes
      .filter((change) => change.run_id === props.run.id)
      .flatMap((change) => changesOf(change, now));
    if (found.length) setSeen((all) => [...all, ...found].slice(-MOST_EVENTS));
  });
  const events = createMemo(() => {
    const made = props.models.map(
      (model): RunEvent => ({
        at: model.creation_timestamp_ms ?? 0,
        text: `Logged the model ${model.name ?? model.model_id}`,
        kind: "stored",
      }),
    );
    const stored = uploadsOf(files.latest()?.files ?? []);
    const told = alertsOf(alerts.latest()?.alerts ?? []);
    const all = [...statesOf(props.run), ...made, ...stored, ...told, ...seen()];
    return all.sort((a, b) => a.at - b.at).slice(0, MOST_EVENTS);
  });
  return (
    <section>
      <h2>Timeline</h2>
      <Show when={files.error()}>
        {(error) => <ErrorNote error={error()} again={files.again} />}
      </Show>
      <ScrollRegion label="Timeline">
        <ol class="timeline">
          <For each={events()}>
            {(event) => (
              <li class={event.kind}>
                <span class="at">{time(event.at)}</span> {event.text}
              </li>
            )}
          </For>
          <Show when={props.run.status === "RUNNING"}>
            <li class="state">Running</li>
          </Show>
        </ol>
      </ScrollRegion>
      <Show when={files.latest()?.more}>
        <p class="hint">Of its files the first {count(MOST_FILES)} by name are told of.</p>
      </Show>
    </section>
  );
}
