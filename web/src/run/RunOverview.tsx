// What a run is and what it logged: what matters first on one screen, then all of it.

import { A } from "@solidjs/router";
import { Show } from "solid-js";
import { trackingUri } from "../api/experiments";
import { listModels } from "../api/models";
import { NOTE_TAG, type Run } from "../api/runs";
import { CodeLines } from "../parts/CodeLines";
import { quantity, time, unitOf } from "../parts/format";
import { lazyPart } from "../parts/lazyPart";
import { createLoaded } from "../parts/loaded";
import { runsWith } from "../runs/conditions";
import type { LiveRuns } from "../runs/liveRuns";
import { KeyMetrics } from "./KeyMetrics";
import { Pairs } from "./Pairs";
import { RunFacts } from "./RunFacts";
import { RunNotes } from "./RunNotes";
import { RunTags } from "./RunTags";
import { RunTimeline } from "./RunTimeline";

const FirstCharts = lazyPart(() => import("./FirstCharts"));

export function RunOverview(props: {
  run: Run;
  live: LiveRuns;
  fixed: boolean;
  charts: () => void;
}) {
  const uri = createLoaded(() => true, trackingUri);
  // A run that goes on makes them, mostly at its end.
  const models = createLoaded(
    () => [props.run.experimentId, props.run.id, props.run.end] as const,
    ([experimentId, runId]) => listModels(experimentId, runId),
  );
  const madeModels = () => models.latest() ?? [];
  return (
    <>
      <div class="first-screen">
        <div class="about">
          <RunFacts run={props.run} />
          <section>
            <h2>Notes</h2>
            <RunNotes
              runId={props.run.id}
              name={props.run.name}
              text={props.run.tags.get(NOTE_TAG) ?? ""}
              fixed={props.fixed}
            />
          </section>
        </div>
        <div class="results">
          <KeyMetrics run={props.run} />
          <Show when={props.run.metrics.size}>
            <FirstCharts live={props.live} all={props.charts} />
          </Show>
        </div>
      </div>
      <div class="overview">
        <Pairs
          title="Params"
          hint={props.run.params.size ? "set once, they stay as they are" : ""}
          names={["Param", "Value"]}
          keys={[...props.run.params.keys()]}
          cells={(key) => [props.run.params.get(key) ?? ""]}
          runsOf={(key) =>
            runsWith(props.run.experimentId, `params.${key}`, props.run.params.get(key) ?? "")
          }
        />
        <Pairs
          title="Metrics"
          names={["Metric", "Last", "Min", "Max", "Step"]}
          keys={[...props.run.metrics.keys()]}
          cells={(key) => metricTexts(props.run, key)}
        />
        <RunTags run={props.run} fixed={props.fixed} />
        <Datasets run={props.run} />
        <Show when={madeModels().length}>
          <Pairs
            title="Models"
            names={["Model", "URI", "Kind", "Created"]}
            keys={madeModels().map((_, i) => String(i))}
            head={(key) => (
              <A href={filesOf(props.run, madeModels()[Number(key)]?.model_id)} title="Its files">
                {madeModels()[Number(key)]?.name}
              </A>
            )}
            cells={(key) => {
              const model = madeModels()[Number(key)];
              return [
                `models:/${model?.model_id}`,
                model?.model_type ?? "",
                time(model?.creation_timestamp_ms ?? 0),
              ];
            }}
          />
        </Show>
        <RunTimeline run={props.run} live={props.live} models={madeModels()} />
        <section>
          <h2>Load it in Python</h2>
          <Show when={uri.value()}>
            {(at) => <CodeLines text={loading(props.run, at())} label="Load this run in Python" />}
          </Show>
        </section>
      </div>
    </>
  );
}

/** The datasets that a run read; each leads to all runs that read it. */
function Datasets(props: { run: Run }) {
  const at = (key: string) => props.run.datasets[Number(key)];
  const runsOf = (key: string) => {
    const { name = "", digest = "" } = at(key)?.dataset ?? {};
    const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`;
    const filter = `datasets.name = ${quoted(name)} AND datasets.digest = ${quoted(digest)}`;
    return `/experiments/${props.run.experimentId}?${new URLSearchParams({ filter })}`;
  };
  return (
    <Pairs
      title="Datasets"
      names={["Dataset", "Digest", "Used for", "Source"]}
      keys={props.run.datasets.map((_, i) => String(i))}
      head={(key) => (
        <A href={runsOf(key)} title="All runs that read it">
          {at(key)?.dataset?.name}
        </A>
      )}
      cells={(key) => [
        at(key)?.dataset?.digest ?? "",
        at(key)?.tags?.find((tag) => tag.key === "mlflow.data.context")?.value ?? "",
        at(key)?.dataset?.source ?? "",
      ]}
    />
  );
}

/** Returns the address of the files of a model, at its card. */
function filesOf(run: Run, model = ""): string {
  return `/runs/${run.id}?${new URLSearchParams({ tab: "artifacts", model, artifact: "MLmodel" })}`;
}

function metricTexts(run: Run, key: string): string[] {
  const cell = run.metrics.get(key);
  if (!cell) return ["", "", "", ""];
  const values = [cell.last, cell.minimum, cell.maximum];
  const texts = values.map((value) => (value === null ? "" : quantity(value, unitOf(key))));
  return [...texts, String(cell.step)];
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
