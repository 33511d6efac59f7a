// How a distribution moves over steps: ridgelines, the last step in front, a heat map, or bands
// between percentiles.

import { createMemo, For, Match, onMount, Show, Switch } from "solid-js";
import { ErrorNote } from "../parts/ErrorNote";
import { counted, number } from "../parts/format";
import { createLoaded } from "../parts/loaded";
import { heatColour } from "../render/heatColour";
import { evenly, readHistograms, type StepDensities } from "./histogramSteps";
import type { StepFile } from "./mediaSeries";
import { Percentiles } from "./Percentiles";
import { StepPlane } from "./StepPlane";

const WIDTH = 600;
const HEIGHT = 320;
const RIDGE = 90;
const MOST_RIDGES = 30;

export default function HistogramSteps(props: {
  runId: string;
  name: string;
  files: StepFile[];
  view: string;
}) {
  const found = createLoaded(
    () => [props.runId, props.files.map(({ artifact }) => artifact.path)] as const,
    ([run]) => readHistograms(run, props.files),
  );
  const told = (of: StepDensities) =>
    `${props.name}: ${counted(of.steps.length, "step")} from ${of.steps[0]} to ${of.steps.at(-1)}, ` +
    `values from ${number(of.min)} to ${number(of.max)}` +
    (of.left ? `; ${counted(of.left, "step")} between are left out` : "");
  return (
    <>
      <Show when={found.error()}>
        {(error) => <ErrorNote error={error()} again={found.again} />}
      </Show>
      <Show
        when={found.value()}
        fallback={<p class="hint">{found.loading() ? "Loading…" : "There are no histograms."}</p>}
      >
        {(now) => (
          <figure class="histogram-steps">
            <Switch fallback={<Ridges of={now()} told={told(now())} />}>
              <Match when={props.view === "heat"}>
                <Show when={now()} keyed>
                  {(of) => <Heat of={of} told={told(of)} />}
                </Show>
              </Match>
              <Match when={props.view === "percentiles"}>
                <Percentiles of={now()} told={told(now())} />
              </Match>
            </Switch>
            <figcaption class="hint">{told(now())}</figcaption>
          </figure>
        )}
      </Show>
    </>
  );
}

function Ridges(props: { of: StepDensities; told: string }) {
  const lines = createMemo(() => {
    const { steps, densities } = props.of;
    const chosen = evenly(
      steps.map((step, i) => ({ step, density: densities[i] ?? new Float64Array() })),
      MOST_RIDGES,
    );
    const most = Math.max(...chosen.flatMap(({ density }) => [...density])) || 1;
    const room = HEIGHT - RIDGE;
    return chosen.map(({ step, density }, i) => {
      const base = RIDGE + (room * (i + 1)) / chosen.length - 4;
      const points = [...density].map((share, bin) => {
        const x = (bin + 0.5) * (WIDTH / density.length);
        return `${x.toFixed(1)} ${(base - (share / most) * RIDGE).toFixed(1)}`;
      });
      return { step, path: `M0 ${base}L${points.join("L")}L${WIDTH} ${base}` };
    });
  });
  return (
    <>
      <svg class="ridges" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img">
        <title>{props.told}</title>
        <For each={lines()}>
          {({ step, path }) => (
            <path d={path}>
              <title>{`step ${step}`}</title>
            </path>
          )}
        </For>
      </svg>
      <div class="ends" aria-hidden="true">
        <span>{number(props.of.min)}</span>
        <span>{number(props.of.max)}</span>
      </div>
    </>
  );
}

/** Steps from left to right, values from below: the lighter, the more of them. */
function Heat(props: { of: StepDensities; told: string }) {
  let canvas!: HTMLCanvasElement;
  const width = props.of.steps.length;
  const height = props.of.densities[0]?.length ?? 0;
  onMount(() => {
    const pixels = new Uint8ClampedArray(width * height * 4);
    const most = Math.max(...props.of.densities.flatMap((density) => [...density])) || 1;
    props.of.densities.forEach((density, x) => {
      density.forEach((share, bin) => {
        pixels.set(heatColour(Math.sqrt(share / most)), ((height - 1 - bin) * width + x) * 4);
      });
    });
    canvas.getContext("2d")?.putImageData(new ImageData(pixels, width, height), 0, 0);
  });
  return (
    <StepPlane of={props.of}>
      <canvas ref={canvas} width={width} height={height} role="img" aria-label={props.told} />
    </StepPlane>
  );
}
