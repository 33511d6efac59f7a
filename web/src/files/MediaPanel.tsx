// One series of files, of each run at the same step.

import { A } from "@solidjs/router";
import { createSignal, For, lazy, Match, Show, Switch } from "solid-js";
import { fileUrl } from "../api/artifacts";
import { part } from "../api/connection";
import { FilePreview } from "./FilePreview";
import type { MediaRun } from "./MediaPanels";
import { filesAt, type MediaSeries, type RunSeries, type StepFile } from "./mediaSeries";

const HistogramSteps = lazy(() => part(() => import("./HistogramSteps")));

// Of a run and step, and of all its steps.
const MOST_FILES = 24;
const MOST_STEPS = 200;
// An image of fewer pixels is made larger pixel by pixel.
const SMALL = 128;

export function MediaPanel(props: { series: MediaSeries; runs: MediaRun[]; step: bigint }) {
  const [view, setView] = createSignal("step");
  const isImage = () => props.series.kind === "image";
  const isHistogram = () => props.series.folder.split("/").at(-1) === "histograms";
  const views = (): [string, string][] => [
    ["step", "One step"],
    ...(isImage() ? [["all", "All steps"] as [string, string]] : []),
    ...(isHistogram()
      ? ([
          ["ridges", "Ridgelines"],
          ["heat", "Heat map"],
        ] as [string, string][])
      : []),
  ];
  const of = (run: MediaRun) => props.series.runs.find(({ runId }) => runId === run.id);
  const runs = () => props.runs.filter((run) => of(run));
  return (
    <section class="media-panel" aria-label={`${props.series.folder}/${props.series.key}`}>
      <div class="bar">
        <h2>{props.series.key}</h2>
        <span class="hint">{props.series.folder}</span>
        <Show when={views().length > 1}>
          <select
            aria-label={`View of ${props.series.key}`}
            value={view()}
            onChange={(event) => setView(event.currentTarget.value)}
          >
            <For each={views()}>{([name, title]) => <option value={name}>{title}</option>}</For>
          </select>
        </Show>
      </div>
      <div class="media-runs">
        <For each={runs()}>
          {(run) => (
            <div class="media-run">
              <Show when={props.runs.length > 1}>
                <A href={`/runs/${run.id}?tab=media`}>{run.name}</A>
              </Show>
              <Switch fallback={<AtStep series={props.series} run={of(run)} step={props.step} />}>
                <Match when={view() === "all"}>
                  <Files series={props.series} files={of(run)?.files.slice(-MOST_STEPS) ?? []} />
                </Match>
                <Match when={view() === "ridges" || view() === "heat"}>
                  <HistogramSteps
                    runId={run.id}
                    name={props.series.key}
                    files={of(run)?.files ?? []}
                    asHeat={view() === "heat"}
                  />
                </Match>
              </Switch>
            </div>
          )}
        </For>
      </div>
    </section>
  );
}

function AtStep(props: { series: MediaSeries; run: RunSeries | undefined; step: bigint }) {
  const files = () => filesAt(props.run, props.step).slice(0, MOST_FILES);
  return (
    <Show
      when={files().length}
      fallback={<p class="hint">Nothing up to step {String(props.step)}.</p>}
    >
      <Files series={props.series} files={files()} runId={props.run?.runId} />
    </Show>
  );
}

function Files(props: { series: MediaSeries; files: StepFile[]; runId?: string | undefined }) {
  const runOf = (file: StepFile) =>
    props.series.runs.find(({ files }) => files.includes(file))?.runId ?? "";
  return (
    <div class="media-files" classList={{ several: props.files.length > 1 }}>
      <For each={props.files}>
        {(file) => (
          <figure>
            <Show
              when={props.series.kind === "image"}
              fallback={<FilePreview runId={runOf(file)} artifact={file.artifact} isSmall />}
            >
              <img
                loading="lazy"
                src={fileUrl(runOf(file), file.artifact.path)}
                alt={`${props.series.key}, step ${file.step}`}
                onLoad={({ currentTarget: image }) =>
                  image.classList.toggle("coarse", image.naturalWidth < SMALL)
                }
              />
            </Show>
            <figcaption>
              <A
                href={`/runs/${runOf(file)}?${new URLSearchParams({ tab: "artifacts", artifact: file.artifact.path })}`}
                aria-label={`Step ${file.step} of ${props.series.key} among the artifacts`}
              >
                step {String(file.step)}
              </A>
            </figcaption>
          </figure>
        )}
      </For>
    </div>
  );
}
