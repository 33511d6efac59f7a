// How a distribution moves over steps, as bands between its percentiles: the median as a line.

import { createMemo, For } from "solid-js";
import { PERCENTILES, type StepDensities } from "./histogramSteps";
import { StepPlane } from "./StepPlane";

const WIDTH = 600;
const HEIGHT = 240;
const MEDIAN = (PERCENTILES.length - 1) / 2;

export function Percentiles(props: { of: StepDensities; told: string }) {
  const drawn = createMemo(() => {
    const { steps, percentiles, min, max } = props.of;
    const first = Number(steps[0]);
    const length = Number(steps.at(-1)) - first;
    const height = max - min || 1;
    // A single step is a level.
    const at = steps.length > 1 ? steps.map((step) => (Number(step) - first) / length) : [0, 1];
    const points = (rank: number) =>
      at.map((share, i) => {
        const value = (percentiles[i] ?? percentiles[0])?.[rank] ?? min;
        const y = HEIGHT * (1 - (value - min) / height);
        return `${(share * WIDTH).toFixed(1)} ${y.toFixed(1)}`;
      });
    const bands = PERCENTILES.slice(0, MEDIAN).map((low, rank) => {
      const above = points(PERCENTILES.length - 1 - rank).reverse();
      return {
        name: `${low} % to ${100 - low} %`,
        path: `M${points(rank).join("L")}L${above.join("L")}Z`,
      };
    });
    return { bands, median: `M${points(MEDIAN).join("L")}` };
  });
  return (
    <StepPlane of={props.of}>
      <svg
        class="percentiles"
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
      >
        <title>{props.told}</title>
        <For each={drawn().bands}>
          {({ name, path }) => (
            <path class="band" d={path}>
              <title>{name}</title>
            </path>
          )}
        </For>
        <path class="median" d={drawn().median} />
      </svg>
    </StepPlane>
  );
}
