// What the colours from little to much mean: a bar with its ends.

import { theme } from "../parts/theme";
import { SCALES } from "./palette";

export function HeatLegend(props: { title: string; from: string; to: string }) {
  return (
    <span class="heat-legend">
      <span class="hint">{props.title}</span> {props.from}
      <span
        class="heat"
        role="img"
        aria-label={`colours from ${props.from} to ${props.to}`}
        style={{ background: `linear-gradient(to right, ${SCALES[theme()].join(", ")})` }}
      />
      {props.to}
    </span>
  );
}
