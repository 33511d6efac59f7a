// What a run is, where it comes from, and to which runs it belongs.

import { A } from "@solidjs/router";
import { createMemo, createSignal, For, onCleanup, Show } from "solid-js";
import { COMMIT_TAG, PARENT_TAG, type Run, readRuns, SOURCE_TAG, searchRuns } from "../api/runs";
import { CopyButton } from "../parts/CopyButton";
import { duration, time } from "../parts/format";
import { KeyName } from "../parts/KeyName";
import { createLoaded } from "../parts/loaded";
import { poll } from "../parts/poll";

const MOST_CHILDREN = 200;
// The watch of a run does not tell of others.
const CHILDREN_AGAIN_MS = 5_000;

export function RunFacts(props: { run: Run }) {
  const [now, setNow] = createSignal(Date.now());
  const timer = setInterval(() => setNow(Date.now()), 1_000);
  onCleanup(() => clearInterval(timer));
  const parent = createMemo(() => props.run.tags.get(PARENT_TAG) ?? "");
  const parents = createLoaded(parent, (id) => readRuns([id]));
  const commit = () => props.run.tags.get(COMMIT_TAG);
  return (
    <dl class="facts">
      <dt>Run id</dt>
      <dd class="id">
        <code>{props.run.id}</code> <CopyButton text={props.run.id} label="Run id" />
      </dd>
      <dt>Started</dt>
      <dd>{time(props.run.start)}</dd>
      <dt>Duration</dt>
      <dd>{duration((props.run.end ?? Math.max(now(), props.run.start)) - props.run.start)}</dd>
      <Show when={props.run.end}>
        <dt>Ended</dt>
        <dd>{time(props.run.end)}</dd>
      </Show>
      <dt>User</dt>
      <dd>{props.run.user || "—"}</dd>
      <dt>Source</dt>
      <dd>
        <KeyName name={props.run.tags.get(SOURCE_TAG) ?? "—"} />
      </dd>
      <Show when={commit()}>
        <dt>Commit</dt>
        <dd class="id">
          <code title={commit()}>{commit()}</code>
        </dd>
      </Show>
      <Show when={parents.value()?.[0]}>
        {(run) => (
          <>
            <dt>Parent</dt>
            <dd>
              <RunLink run={run()} />
            </dd>
          </>
        )}
      </Show>
      <Children run={props.run} />
    </dl>
  );
}

function Children(props: { run: Run }) {
  const filter = () => `tags.${PARENT_TAG} = '${props.run.id}'`;
  const children = createLoaded(
    () => props.run.id,
    () => {
      const keys = { metrics: [], params: [], tags: [] };
      return searchRuns({ experimentIds: [], filter: filter(), keys }, MOST_CHILDREN);
    },
  );
  poll(children, CHILDREN_AGAIN_MS, () => props.run.end === null);
  return (
    <Show when={children.value()?.runs.length}>
      <dt>Children</dt>
      <dd class="links">
        <For each={children.value()?.runs}>{(run) => <RunLink run={run} />}</For>
        <Show when={children.value()?.next}>
          <A
            href={`/experiments/${props.run.experimentId}?${new URLSearchParams({ filter: filter() })}`}
          >
            all
          </A>
        </Show>
      </dd>
    </Show>
  );
}

function RunLink(props: { run: Run }) {
  return (
    <A href={`/experiments/${props.run.experimentId}/runs/${props.run.id}`}>{props.run.name}</A>
  );
}
