// How the values of a column are spread over the runs.

import { createMemo, For, Show } from "solid-js";
import { ErrorNote } from "../../parts/ErrorNote";
import { count, counted } from "../../parts/format";
import { numberOf } from "../../parts/numeric";
import { numberText, title, value } from "../../runs/columns";
import { AxisFrame, createArea } from "../AxisFrame";
import { ofNumbers } from "../dimensions";
import { useFirstMetric } from "../firstColumns";
import { PanelFrame } from "../PanelFrame";
import type { KindProps } from "../panelContext";
import { fieldOf, itemsOf } from "../panelText";
import { createRunValues } from "../runValues";
import type { Rows } from "../saveTable";
import { tableActions } from "../saveTable";
import { createSight } from "../seen";
import { titleOf } from "../titles";

const MOST_BINS = 100;

export default function HistogramPanel(props: KindProps) {
  let root!: HTMLElement;
  let drawing!: SVGSVGElement;
  const { inSight } = createSight(() => root);
  const { metric } = props.panel;
  const firstMetric = useFirstMetric(props.context);
  const column = () =>
    itemsOf(props.fields.of)[0] ||
    (metric === undefined ? firstMetric() || "duration" : `metrics.${metric}`);
  const panelTitle = () =>
    titleOf({ ...props.panel, fields: { ...props.panel.fields, of: fieldOf([column()]) } });
  const found = createRunValues(props.context, () => [column()], inSight);
  const { size, area, note } = createArea();
  const values = createMemo(() =>
    found.runs().flatMap((run) => {
      const one = numberOf(value(run, column()) ?? "");
      return one !== undefined && Number.isFinite(one) ? [one] : [];
    }),
  );
  const bins = createMemo(() => {
    const all = values();
    const wanted = Number(props.fields.bins) || Math.ceil(Math.sqrt(all.length));
    const number = Math.max(1, Math.min(MOST_BINS, Math.round(wanted)));
    const min = all.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
    const max = all.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    if (!all.length) return [];
    if (min === max) return [{ from: min, to: max, runs: all.length }];
    const counts = new Array<number>(number).fill(0);
    // Divided first, because the difference may be no double.
    const size = max / number - min / number;
    for (const one of all) {
      const at = Math.min(number - 1, Math.floor(one / size - min / size));
      counts[at] = (counts[at] ?? 0) + 1;
    }
    return counts.map((runs, i) => ({ from: min + i * size, to: min + (i + 1) * size, runs }));
  });
  const across = createMemo(() => ofNumbers(column(), values(), area().left, area().right, false));
  const up = createMemo(() => ({
    ...ofNumbers("runs", [0, ...bins().map((bin) => bin.runs)], area().bottom, area().top, false),
    title: "runs",
  }));
  const table = (): Rows => [
    ["from", "to", "runs"],
    ...bins().map((bin) => [bin.from, bin.to, bin.runs]),
  ];
  return (
    <PanelFrame
      {...props}
      ref={(element) => {
        root = element;
      }}
      title={panelTitle()}
      label={`Histogram of ${title(column())}, ${counted(values().length, "run")}`}
      busy={found.loading()}
      hint={
        <span class="hint" role="status">
          {count(values().length)} of {count(found.total() ?? found.runs().length)} runs have it
        </span>
      }
      picture={() => drawing}
      actions={tableActions(panelTitle, table)}
    >
      <Show when={found.error()}>
        {(error) => <ErrorNote error={error()} again={found.again} />}
      </Show>
      <div class="plot drawing" ref={note}>
        <AxisFrame
          ref={(element) => {
            drawing = element;
          }}
          label={`Histogram of ${title(column())}`}
          size={size()}
          area={area()}
          across={across()}
          up={up()}
        >
          <For each={bins()}>
            {(bin) => {
              const place = (one: number) => across().fromText(String(one));
              const left = () => (bin.from === bin.to ? place(bin.from) - 10 : place(bin.from));
              const right = () => (bin.from === bin.to ? place(bin.to) + 10 : place(bin.to));
              const top = () => up().fromText(String(bin.runs));
              return (
                <rect
                  class="bin"
                  x={left()}
                  width={Math.max(0.5, right() - left() - 1)}
                  y={top()}
                  height={area().bottom - top()}
                >
                  <title>{`${numberText(column(), bin.from)} to ${numberText(column(), bin.to)}: ${counted(bin.runs, "run")}`}</title>
                </rect>
              );
            }}
          </For>
        </AxisFrame>
      </div>
    </PanelFrame>
  );
}
