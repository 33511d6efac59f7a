// One series of files, of each run at the same step.

import { A } from "@solidjs/router";
import { createMemo, createSignal, For, Match, Show, Switch } from "solid-js";
import { fileUrl } from "../api/artifacts";
import { lazyPart } from "../parts/lazyPart";
import { FilePreview } from "./FilePreview";
import { filesAt, type MediaSeries, type RunSeries, type StepFile } from "./mediaSeries";
import { createPixelLook, type PixelLook } from "./pixelLook";

const HistogramSteps = lazyPart(() => import("./HistogramSteps"));
const ImageView = lazyPart(() => import("./ImageView"));

// Of a run and step, and of all its steps.
const MOST_FILES = 24;
const MOST_STEPS = 200;
// An image of fewer pixels is made larger pixel by pixel.
const SMALL = 128;

/** How a series can be looked at; the empty name is one step. */
const SERIES_VIEWS: Record<string, string> = {
  "": "One step",
  pixels: "Pixels",
  all: "All steps",
  ridges: "Ridgelines",
  heat: "Heat map",
  percentiles: "Percentiles",
};

// Of histograms: all steps in one picture.
const STEP_VIEWS = ["ridges", "heat", "percentiles"];

export interface MediaRun {
  id: string;
  name: string;
  isRunning: boolean;
  /** What its name is marked by, where it has a colour. */
  colour?: string;
}

/** Returns the names of the views that a series has. */
function viewsOf({ kind, folder }: MediaSeries): string[] {
  const isHistogram = folder.split("/").at(-1) === "histograms";
  if (isHistogram) return ["", ...STEP_VIEWS];
  return kind === "image" ? ["", "pixels", "all"] : [""];
}

export function SeriesViewChoice(props: {
  series: MediaSeries;
  view: string;
  set: (view: string) => void;
}) {
  return (
    <Show when={viewsOf(props.series).length > 1}>
      <select
        aria-label={`View of ${props.series.key}`}
        onChange={(event) => props.set(event.currentTarget.value)}
      >
        <For each={viewsOf(props.series)}>
          {(name) => (
            <option value={name} selected={name === props.view}>
              {SERIES_VIEWS[name]}
            </option>
          )}
        </For>
      </select>
    </Show>
  );
}

export function SeriesRuns(props: {
  series: MediaSeries;
  runs: MediaRun[];
  step: bigint;
  view: string;
}) {
  const view = () => (viewsOf(props.series).includes(props.view) ? props.view : "");
  const of = (run: MediaRun) => props.series.runs.find(({ runId }) => runId === run.id);
  const runs = () => props.runs.filter((run) => of(run));
  const look = createPixelLook();
  return (
    <div class="media-runs">
      <For each={runs()}>
        {(run) => (
          <div class="media-run">
            <Show when={props.runs.length > 1}>
              <A href={`/runs/${run.id}?tab=media`}>
                <Show when={run.colour}>
                  {(colour) => <span class="swatch" style={{ background: colour() }} />}
                </Show>{" "}
                {run.name}
              </A>
            </Show>
            <Switch
              fallback={
                <AtStep
                  series={props.series}
                  run={of(run)}
                  step={props.step}
                  look={view() === "pixels" ? look : undefined}
                />
              }
            >
              <Match when={view() === "all"}>
                <Files
                  series={props.series}
                  runId={run.id}
                  files={of(run)?.files.slice(-MOST_STEPS) ?? []}
                />
              </Match>
              <Match when={STEP_VIEWS.includes(view())}>
                <HistogramSteps
                  runId={run.id}
                  name={props.series.key}
                  files={of(run)?.files ?? []}
                  view={view()}
                />
              </Match>
            </Switch>
          </div>
        )}
      </For>
    </div>
  );
}

function AtStep(props: {
  series: MediaSeries;
  run: RunSeries | undefined;
  step: bigint;
  look: PixelLook | undefined;
}) {
  const files = createMemo(() => filesAt(props.run, props.step).slice(0, MOST_FILES));
  return (
    <Show
      when={files().length}
      fallback={<p class="hint">Nothing up to step {String(props.step)}.</p>}
    >
      <Files
        series={props.series}
        files={files()}
        runId={props.run?.runId ?? ""}
        look={props.look}
      />
    </Show>
  );
}

function Files(props: {
  series: MediaSeries;
  files: StepFile[];
  runId: string;
  look?: PixelLook | undefined;
}) {
  return (
    <div class="media-files" classList={{ several: props.files.length > 1 }}>
      <For each={props.files}>
        {(file) => (
          <figure>
            <OneFile {...props} file={file} />
            <figcaption>
              <A
                href={`/runs/${props.runId}?${new URLSearchParams({ tab: "artifacts", artifact: file.artifact.path })}`}
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

function OneFile(props: {
  series: MediaSeries;
  runId: string;
  file: StepFile;
  look?: PixelLook | undefined;
}) {
  const [failed, setFailed] = createSignal(false);
  return (
    <Switch fallback={<FilePreview runId={props.runId} artifact={props.file.artifact} isSmall />}>
      <Match when={props.look}>
        {(look) => (
          <ImageView runId={props.runId} artifact={props.file.artifact} isSmall look={look()} />
        )}
      </Match>
      <Match when={props.series.kind === "image"}>
        <Show when={!failed()} fallback={<p class="hint">The browser cannot show this image.</p>}>
          <img
            loading="lazy"
            src={fileUrl(props.runId, props.file.artifact.path)}
            alt={`${props.series.key}, step ${props.file.step}`}
            onError={() => setFailed(true)}
            onLoad={({ currentTarget: image }) =>
              image.classList.toggle("coarse", image.naturalWidth < SMALL)
            }
          />
        </Show>
      </Match>
    </Switch>
  );
}
