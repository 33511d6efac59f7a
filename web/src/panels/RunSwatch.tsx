// The colour of a run, with its dashes, as they are in the charts.

import { runColour, runDash } from "./colours";

export function RunSwatch(props: { id: string; off?: boolean }) {
  return (
    <svg
      class="run-swatch"
      classList={{ off: props.off ?? false }}
      viewBox="0 0 18 8"
      aria-hidden="true"
    >
      <path
        d="M0 4h18"
        stroke={runColour(props.id)}
        stroke-width="4"
        stroke-dasharray={dashText(runDash(props.id))}
      />
    </svg>
  );
}

/** Returns dashes for a swatch, which is short: as many as there is room for. */
function dashText(dash: number[]): string | undefined {
  return dash.length ? dash.map((size) => Math.max(2, size * 0.7)).join(" ") : undefined;
}
