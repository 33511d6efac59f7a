// Runs per day as small bars, the last of which is today.

import { For } from "solid-js";
import { counted } from "../parts/format";

const BAR = 2;
const HEIGHT = 20;

export function Sparkline(props: { days: number[] }) {
  const most = () => Math.max(1, ...props.days);
  const told = () => {
    const runs = props.days.reduce((all, day) => all + day, 0);
    return `${counted(runs, "run")} in the last ${props.days.length} days`;
  };
  return (
    <svg
      class="sparkline"
      role="img"
      aria-label={told()}
      width={props.days.length * BAR}
      height={HEIGHT}
    >
      <title>{told()}</title>
      <For each={props.days}>
        {(runs, day) => {
          // One run of a day with few is seen beside one with thousands.
          const height = () => (runs ? Math.max(2, (runs / most()) * HEIGHT) : 0);
          return <rect x={day() * BAR} y={HEIGHT - height()} width={BAR - 0.5} height={height()} />;
        }}
      </For>
    </svg>
  );
}
