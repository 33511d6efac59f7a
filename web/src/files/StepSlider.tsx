// A slider through steps, which may be any distance apart.

import { createEffect, createMemo, createSignal, onCleanup } from "solid-js";

const PLAY_MS = 700;

export function StepSlider(props: {
  steps: bigint[];
  step: bigint;
  choose: (step: bigint) => void;
}) {
  const [playing, setPlaying] = createSignal(false);
  const position = createMemo(() => {
    const after = props.steps.findIndex((step) => step > props.step);
    return after < 0 ? props.steps.length - 1 : Math.max(0, after - 1);
  });
  const go = (at: number) => {
    const step = props.steps[at];
    if (step !== undefined) props.choose(step);
  };
  createEffect(() => {
    if (!playing()) return;
    const timer = setInterval(() => go((position() + 1) % props.steps.length), PLAY_MS);
    onCleanup(() => clearInterval(timer));
  });
  return (
    <div class="step-slider">
      <button
        type="button"
        aria-pressed={playing()}
        disabled={props.steps.length < 2}
        onClick={() => setPlaying(!playing())}
      >
        {playing() ? "Stop" : "Play"}
      </button>
      <input
        type="range"
        aria-label="Step"
        aria-valuetext={`Step ${props.step}`}
        min={0}
        max={props.steps.length - 1}
        value={position()}
        onInput={(event) => go(event.currentTarget.valueAsNumber)}
      />
      <output>Step {String(props.step)}</output>
      <span class="hint">
        {position() + 1} of {props.steps.length}
      </span>
    </div>
  );
}
