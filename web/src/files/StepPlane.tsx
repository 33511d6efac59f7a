// What is drawn over steps from left to right and values from below, with the ends of both.

import type { JSX } from "solid-js";
import { number } from "../parts/format";
import type { StepDensities } from "./histogramSteps";

export function StepPlane(props: { of: StepDensities; children: JSX.Element }) {
  return (
    <div class="step-plane">
      <div class="sides" aria-hidden="true">
        <span>{number(props.of.max)}</span>
        <span>{number(props.of.min)}</span>
      </div>
      {props.children}
      <div class="ends" aria-hidden="true">
        <span>step {String(props.of.steps[0])}</span>
        <span>step {String(props.of.steps.at(-1))}</span>
      </div>
    </div>
  );
}
