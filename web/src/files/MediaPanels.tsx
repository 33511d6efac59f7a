// What one or several runs logged by step, side by side at the same step.

import { createMemo, createSignal, Show } from "solid-js";
import { useText } from "../parts/address";
import { ErrorNote } from "../parts/ErrorNote";
import { createLoaded } from "../parts/loaded";
import { poll } from "../parts/poll";
import { ShowMore } from "../parts/ShowMore";
import { isSame, type MediaSeries, readMedia, stepsOf } from "./mediaSeries";
import { type MediaRun, SeriesRuns, SeriesViewChoice } from "./SeriesRuns";
import { StepSlider } from "./StepSlider";
import "../style/files.css";
import "../style/media.css";

const MOST_PANELS = 20;
// While a run goes on there may be more.
const EACH_MS = 10_000;

export default function MediaPanels(props: { runs: MediaRun[] }) {
  const [wanted, setWanted] = useText("step");
  const [words, setWords] = useText("media");
  // What is told anew without being another is not made anew: a sound plays on.
  const runs = createMemo(() => props.runs, undefined, { equals: isSame });
  const media = createLoaded(() => runs().length > 0 && runs().map(({ id }) => id), readMedia);
  const found = createMemo(() => media.value() ?? [], undefined, { equals: isSame });
  poll(media, EACH_MS, () => runs().some(({ isRunning }) => isRunning));
  const steps = createMemo(() => stepsOf(found()));
  const step = createMemo(() => {
    const last = steps().at(-1) ?? 0n;
    return /^-?\d+$/.test(wanted()) ? BigInt(wanted()) : last;
  });
  const shown = createMemo(() => {
    const texts = words().toLowerCase().split(/\s+/);
    return found().filter(({ folder, key }) => {
      const text = `${folder}/${key}`.toLowerCase();
      return texts.every((word) => text.includes(word));
    });
  });
  return (
    <>
      <Show when={media.error()}>
        {(error) => <ErrorNote error={error()} again={media.again} />}
      </Show>
      <Show
        when={found().length}
        fallback={
          <Show when={!media.loading()} fallback={<p class="loading">Loading…</p>}>
            <NoMedia />
          </Show>
        }
      >
        <div class="bar media-bar">
          <StepSlider
            steps={steps()}
            step={step()}
            choose={(step) => setWanted(step === steps().at(-1) ? "" : String(step))}
          />
          <input
            type="search"
            aria-label="Find media"
            placeholder="Find media"
            data-search
            value={words()}
            onInput={(event) => setWords(event.currentTarget.value)}
          />
        </div>
        <Show when={shown().length} fallback={<p class="empty">Nothing has such a name.</p>}>
          <div class="media">
            <ShowMore
              items={shown()}
              step={MOST_PANELS}
              noun="panel"
              around={(button) => <div>{button}</div>}
            >
              {(series) => <Series series={series} runs={runs()} step={step()} />}
            </ShowMore>
          </div>
        </Show>
      </Show>
    </>
  );
}

function Series(props: { series: MediaSeries; runs: MediaRun[]; step: bigint }) {
  const [view, setView] = createSignal("");
  return (
    <section class="media-panel" aria-label={`${props.series.folder}/${props.series.key}`}>
      <div class="bar">
        <h2>{props.series.key}</h2>
        <span class="hint">{props.series.folder}</span>
        <SeriesViewChoice series={props.series} view={view()} set={setView} />
      </div>
      <SeriesRuns {...props} view={view()} />
    </section>
  );
}

function NoMedia() {
  return (
    <section class="empty">
      <h2>No media by step</h2>
      <p>
        Images, figures, audio, tables and histograms that are logged with a key and a step are
        shown here: <code>runstream.log_image(image, key="samples", step=3)</code>. MLflow's{" "}
        <code>log_image</code> does, too.
      </p>
    </section>
  );
}
