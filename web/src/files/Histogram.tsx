// How values are distributed: what log_histogram stored.

import { createMemo, Show } from "solid-js";
import { count, counted, number } from "../parts/format";

export interface Distribution {
  edges: number[];
  counts: number[];
  not_finite?: number;
}

const WIDTH = 600;
const HEIGHT = 200;

/** The histogram that a JSON text is; nothing, if it is another text. */
export default function Histogram(props: { text: string }) {
  const found = createMemo(() => distribution(props.text));
  return <Show when={found()}>{(now) => <Bars of={now()} />}</Show>;
}

export function Bars(props: { of: Distribution }) {
  const first = () => props.of.edges[0] ?? 0;
  const last = () => props.of.edges.at(-1) ?? 0;
  const told = () => {
    const all = props.of.counts.reduce((sum, size) => sum + size, 0);
    const others = props.of.not_finite ?? 0;
    return (
      `${counted(all, "value")} from ${number(first())} to ${number(last())}, ` +
      `up to ${count(Math.max(...props.of.counts))} in one of ${counted(props.of.counts.length, "bin")}` +
      (others ? `; ${count(others)} NaN or infinite` : "")
    );
  };
  return (
    <figure class="histogram">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img">
        <title>{told()}</title>
        <path d={outline(props.of)} />
      </svg>
      <div class="ends" aria-hidden="true">
        <span>{number(first())}</span>
        <span>{number(last())}</span>
      </div>
      <figcaption class="hint">{told()}</figcaption>
    </figure>
  );
}

/** Bars whose areas are as the counts: bins may have different widths. */
function outline({ edges, counts }: Distribution): string {
  const first = edges[0] ?? 0;
  const width = (edges.at(-1) ?? 0) - first;
  const densities = counts.map((size, i) => size / ((edges[i + 1] ?? 0) - (edges[i] ?? 0)));
  const most = Math.max(...densities) || 1;
  const x = (edge: number | undefined) => ((((edge ?? 0) - first) / width) * WIDTH).toFixed(2);
  const bars = densities.map((density, i) => {
    const y = (HEIGHT * (1 - density / most)).toFixed(2);
    return `V${y}H${x(edges[i + 1])}`;
  });
  return `M0 ${HEIGHT}${bars.join("")}V${HEIGHT}Z`;
}

export function distribution(text: string): Distribution | undefined {
  let found: Partial<Distribution> | null;
  try {
    found = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { edges, counts } = found ?? {};
  if (!areNumbers(edges) || !areNumbers(counts)) return undefined;
  const grows = edges.every((edge, i) => i === 0 || edge > (edges[i - 1] ?? 0));
  if (!counts.length || edges.length !== counts.length + 1 || !grows) return undefined;
  return { edges, counts, not_finite: Number(found?.not_finite) || 0 };
}

function areNumbers(values: unknown): values is number[] {
  return Array.isArray(values) && values.every((value) => typeof value === "number");
}
