// What the drawn runs logged by step under one key, side by side at the same step.

import { createEffect, createMemo, createSignal, For, on, onCleanup, Show } from "solid-js";
import { isSame, readSeries, stepsOf } from "../../files/mediaSeries";
import { type MediaRun, SeriesRuns, SeriesViewChoice } from "../../files/SeriesRuns";
import { StepSlider } from "../../files/StepSlider";
import { ErrorNote } from "../../parts/ErrorNote";
import { count, counted } from "../../parts/format";
import { createLoaded } from "../../parts/loaded";
import { poll } from "../../parts/poll";
import { runColour } from "../colours";
import { PanelFrame } from "../PanelFrame";
import type { KindProps } from "../panelContext";
import { itemsOf } from "../panelText";
import { createSight } from "../seen";
import { titleOf } from "../titles";
import "../../style/files.css";
import "../../style/media.css";

const MOST_RUNS = 20;
// While a run goes on there may be more.
const EACH_MS = 10_000;
// A browser takes no more than some changes of the address a second.
const ADDRESS_MS = 300;

export default function MediaPanel(props: KindProps) {
  let root!: HTMLElement;
  const { seen, inSight } = createSight(() => root);
  const [moved, setMoved] = createSignal<bigint>();
  const name = () => itemsOf(props.fields.of);
  const runs = createMemo(
    () => props.context.live.runs().slice(0, MOST_RUNS).map(mediaRun),
    undefined,
    { equals: isSame },
  );
  const ids = createMemo(() => runs().map(({ id }) => id), undefined, { equals: isSame });
  const media = createLoaded(
    () => seen() && name().length === 2 && ids().length > 0 && ([ids(), ...name()] as const),
    ([runIds, folder = "", key = ""]) => readSeries(runIds, folder, key),
  );
  // Those that were read before stay in sight while other runs are read.
  const found = createMemo(() => media.latest() ?? [], undefined, { equals: isSame });
  // It is read when it comes into sight.
  const isWaiting = () =>
    name().length === 2 && ids().length > 0 && !media.latest() && !media.error();
  const steps = createMemo(() => stepsOf(found()));
  const step = () => {
    const { step: text = "" } = props.fields;
    return moved() ?? (/^-?\d+$/.test(text) ? BigInt(text) : (steps().at(-1) ?? 0n));
  };
  let late: ReturnType<typeof setTimeout> | undefined;
  const choose = (wanted: bigint) => {
    setMoved(wanted);
    clearTimeout(late);
    late = setTimeout(() => {
      const text = wanted === steps().at(-1) ? undefined : String(wanted);
      if (text === props.fields.step) setMoved(undefined);
      else props.set({ step: text });
    }, ADDRESS_MS);
  };
  // The address is told anew a moment after it was changed.
  createEffect(
    on(
      () => props.fields.step,
      () => setMoved(undefined),
      { defer: true },
    ),
  );
  poll(media, EACH_MS, () => inSight() && runs().some(({ isRunning }) => isRunning));
  onCleanup(() => clearTimeout(late));
  const told = () => {
    const all = props.context.live.runs().length;
    const have = new Set(found().flatMap((series) => series.runs.map(({ runId }) => runId)));
    const some = runs().filter(({ id }) => have.has(id)).length;
    if (all > MOST_RUNS) return `${count(some)} of the first ${MOST_RUNS} of ${count(all)} runs`;
    return some === all ? counted(all, "run") : `${count(some)} of ${counted(all, "run")}`;
  };
  return (
    <PanelFrame
      {...props}
      ref={(element) => {
        root = element;
      }}
      title={titleOf(props.panel)}
      label={`${titleOf(props.panel)}, ${told()}`}
      busy={isWaiting() || media.loading()}
      hint={<span class="hint">{told()}</span>}
      actions={[]}
    >
      <div class="plot media-plot">
        <Show when={media.error()}>
          {(error) => <ErrorNote error={error()} again={media.again} />}
        </Show>
        <Show
          when={steps().length}
          fallback={
            <Show when={!isWaiting() && !media.error()}>
              <p class="hint">
                {name().length === 2
                  ? "The runs that are drawn have logged none of this."
                  : "Edit it to choose what it shows."}
              </p>
            </Show>
          }
        >
          <div class="bar">
            <StepSlider steps={steps()} step={step()} choose={choose} />
            <For each={found().slice(0, 1)}>
              {(series) => (
                <SeriesViewChoice
                  series={series}
                  view={props.fields.view ?? ""}
                  set={(view) => props.set({ view: view || undefined })}
                />
              )}
            </For>
          </div>
          <div class="media-scroll" tabindex="0" role="region" aria-label={titleOf(props.panel)}>
            <For each={found()}>
              {(series) => (
                <SeriesRuns
                  series={series}
                  runs={runs()}
                  step={step()}
                  view={props.fields.view ?? ""}
                />
              )}
            </For>
          </div>
        </Show>
      </div>
    </PanelFrame>
  );
}

function mediaRun({ id, name, end }: { id: string; name: string; end: number | null }): MediaRun {
  return { id, name, isRunning: end === null, colour: runColour(id) };
}
