// What a run is and what it logged.

import { A } from "@solidjs/router";
import { createMemo, createSignal, For, onCleanup, Show } from "solid-js";
import { trackingUri } from "../api/experiments";
import { listModels } from "../api/models";
import {
  COMMIT_TAG,
  NOTE_TAG,
  PARENT_TAG,
  type Run,
  readRuns,
  SOURCE_TAG,
  searchRuns,
  USER_TAG,
} from "../api/runs";
import { CodeLines } from "../parts/CodeLines";
import { duration, number, time } from "../parts/format";
import { LongText } from "../parts/LongText";
import { createLoaded } from "../parts/loaded";
import { ScrollRegion } from "../parts/ScrollRegion";
import { ShowMore } from "../parts/ShowMore";
import { StatusMark } from "../parts/StatusMark";
import { RunNotes } from "./RunNotes";

const MOST_CHILDREN = 200;
const MOST_PAIRS = 500;
// The watch of a run does not tell of others.
const CHILDREN_AGAIN_MS = 5_000;

export function RunOverview(props: { run: Run; fixed: boolean }) {
  const uri = createLoaded(() => true, trackingUri);
  // A run that goes on makes them, mostly at its end.
  const models = createLoaded(
    () => [props.run.experimentId, props.run.id, props.run.end] as const,
    ([experimentId, runId]) => listModels(experimentId, runId),
  );
  return (
    <div class="overview">
      <Facts run={props.run} />
      <section>
        <h2>Notes</h2>
        <RunNotes
          runId={props.run.id}
          text={props.run.tags.get(NOTE_TAG) ?? ""}
          fixed={props.fixed}
        />
      </section>
      <Pairs title="Params" names={["Param", "Value"]} rows={[...props.run.params]} />
      <Pairs
        title="Metrics"
        names={["Metric", "Last", "Min", "Max", "Step"]}
        rows={[...props.run.metrics].map(([key, cell]) => [
          key,
          number(cell.last),
          cell.minimum === null ? "" : number(cell.minimum),
          cell.maximum === null ? "" : number(cell.maximum),
          String(cell.step),
        ])}
      />
      <Pairs
        title="Tags"
        names={["Tag", "Value"]}
        rows={[...props.run.tags].filter(([key]) => key !== NOTE_TAG)}
      />
      <Pairs
        title="Datasets"
        names={["Dataset", "Digest", "Used for", "Source"]}
        rows={props.run.datasets.map(({ dataset, tags = [] }) => [
          dataset?.name ?? "",
          dataset?.digest ?? "",
          tags.find((tag) => tag.key === "mlflow.data.context")?.value ?? "",
          dataset?.source ?? "",
        ])}
      />
      <Show when={models.value()?.length}>
        <Pairs
          title="Models"
          names={["Model", "URI", "Kind", "Created"]}
          rows={(models.value() ?? []).map((model) => [
            model.name ?? "",
            `models:/${model.model_id}`,
            model.model_type ?? "",
            time(model.creation_timestamp_ms ?? 0),
          ])}
        />
      </Show>
      <section>
        <h2>Load it in Python</h2>
        <Show when={uri.value()}>
          {(at) => <CodeLines text={loading(props.run, at())} label="Load this run in Python" />}
        </Show>
      </section>
    </div>
  );
}

function Facts(props: { run: Run }) {
  const [now, setNow] = createSignal(Date.now());
  const timer = setInterval(() => setNow(Date.now()), 1_000);
  onCleanup(() => clearInterval(timer));
  const parent = createMemo(() => props.run.tags.get(PARENT_TAG) ?? "");
  const parents = createLoaded(parent, (id) => readRuns([id]));
  const ofParent = () => `tags.${PARENT_TAG} = '${props.run.id}'`;
  const children = createLoaded(
    () => props.run.id,
    async () => {
      const filter = ofParent();
      const keys = { metrics: [], params: [], tags: [] };
      return searchRuns({ experimentIds: [], filter, keys }, MOST_CHILDREN);
    },
  );
  const looking = setInterval(
    () => props.run.end === null && !document.hidden && children.again(),
    CHILDREN_AGAIN_MS,
  );
  onCleanup(() => clearInterval(looking));
  const link = (run: Run) => (
    <A href={`/experiments/${run.experimentId}/runs/${run.id}`}>{run.name}</A>
  );
  return (
    <dl class="facts">
      <dt>Status</dt>
      <dd>
        <StatusMark status={props.run.status} />
      </dd>
      <dt>Run id</dt>
      <dd>
        <code>{props.run.id}</code>
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
      <dd>{props.run.user || props.run.tags.get(USER_TAG) || "—"}</dd>
      <dt>Source</dt>
      <dd>{props.run.tags.get(SOURCE_TAG) ?? "—"}</dd>
      <Show when={props.run.tags.get(COMMIT_TAG)}>
        <dt>Commit</dt>
        <dd>
          <code>{props.run.tags.get(COMMIT_TAG)}</code>
        </dd>
      </Show>
      <Show when={parents.value()?.[0]}>
        {(run) => (
          <>
            <dt>Parent</dt>
            <dd>{link(run())}</dd>
          </>
        )}
      </Show>
      <Show when={children.value()?.runs.length}>
        <dt>Children</dt>
        <dd class="links">
          <For each={children.value()?.runs}>{link}</For>
          <Show when={children.value()?.next}>
            <A
              href={`/experiments/${props.run.experimentId}?${new URLSearchParams({ filter: ofParent() })}`}
            >
              all
            </A>
          </Show>
        </dd>
      </Show>
    </dl>
  );
}

function Pairs(props: { title: string; names: string[]; rows: string[][] }) {
  const [search, setSearch] = createSignal("");
  const found = () => {
    const text = search().toLowerCase();
    return props.rows.filter(([key = "", text1 = ""]) =>
      `${key} ${text1}`.toLowerCase().includes(text),
    );
  };
  return (
    <section>
      <h2>
        {props.title} <span class="hint">{props.rows.length}</span>
      </h2>
      <Show when={props.rows.length > 10}>
        <input
          type="search"
          aria-label={`Search ${props.title.toLowerCase()}`}
          placeholder="Search"
          onInput={(event) => setSearch(event.currentTarget.value)}
        />
      </Show>
      <Show when={props.rows.length} fallback={<p class="hint">None.</p>}>
        <ScrollRegion label={props.title}>
          <table class="pairs">
            <thead>
              <tr>
                <For each={props.names}>{(name) => <th scope="col">{name}</th>}</For>
              </tr>
            </thead>
            <tbody>
              <ShowMore
                items={found()}
                step={MOST_PAIRS}
                noun="line"
                around={(button) => (
                  <tr>
                    <td colspan={props.names.length}>{button}</td>
                  </tr>
                )}
              >
                {(row) => (
                  <tr>
                    <th scope="row">{row[0]}</th>
                    <For each={row.slice(1)}>
                      {(text) => (
                        <td>
                          <LongText text={text} />
                        </td>
                      )}
                    </For>
                  </tr>
                )}
              </ShowMore>
            </tbody>
          </table>
        </ScrollRegion>
      </Show>
    </section>
  );
}

function loading(run: Run, uri: string): string {
  const metric = [...run.metrics.keys()][0];
  const id = JSON.stringify(run.id);
  return [
    "import runstream",
    "",
    `runstream.set_tracking_uri(${JSON.stringify(uri)})`,
    `run = runstream.get_run(${id})`,
    "print(run.data.params, run.data.metrics)",
    ...(metric
      ? [
          "with runstream.TrackingClient() as client:",
          `    history = client.get_metric_history(${id}, ${JSON.stringify(metric)})`,
        ]
      : []),
    `runstream.download_artifacts(run_id=${id}, dst_path="artifacts")`,
  ].join("\n");
}
