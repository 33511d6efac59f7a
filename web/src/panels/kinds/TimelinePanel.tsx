// Who ran when: each run from its start to its end, those that run until now.

import { createMemo, createSignal, For, onCleanup, onMount, Show } from "solid-js";
import { ErrorNote } from "../../parts/ErrorNote";
import { count, duration, isoTime, time } from "../../parts/format";
import { value } from "../../runs/columns";
import { runColour } from "../colours";
import { dimension, ofNumbers } from "../dimensions";
import { heat } from "../heat";
import { PanelFrame } from "../PanelFrame";
import type { KindProps } from "../panelContext";
import { createRunValues } from "../runValues";
import type { Rows } from "../saveTable";
import { tableActions } from "../saveTable";
import { createSight } from "../seen";
import { titleOf } from "../titles";

const ROW = 16;
const NAMES = 130;
const RIGHT = 24;
const HEAD = 20;
const MOST_ROWS = 500;
const TICK_MS = 10_000;

export default function TimelinePanel(props: KindProps) {
  let root!: HTMLElement;
  let ground!: HTMLDivElement;
  let drawing!: SVGSVGElement;
  const { inSight } = createSight(() => root);
  const [width, setWidth] = createSignal(400);
  const [now, setNow] = createSignal(Date.now());
  const by = () => props.fields.by || "";
  const found = createRunValues(props.context, () => ["user_id", ...(by() ? [by()] : [])], inSight);
  onMount(() => {
    const size = new ResizeObserver(() => setWidth(ground.clientWidth));
    size.observe(ground);
    const timer = setInterval(() => setNow(Date.now()), TICK_MS);
    onCleanup(() => {
      size.disconnect();
      clearInterval(timer);
    });
  });
  const runs = createMemo(() =>
    found
      .runs()
      .filter((run) => run.start > 0)
      .toSorted((a, b) => a.start - b.start)
      .slice(0, MOST_ROWS),
  );
  const ends = (run: { start: number; end: number | null }) =>
    Math.max(run.start, run.end ?? now());
  const scale = createMemo(() =>
    ofNumbers(
      "start_time",
      runs().flatMap((run) => [run.start, ends(run)]),
      NAMES,
      width() - RIGHT,
      false,
    ),
  );
  const shades = createMemo(() => (by() ? dimension(by(), runs(), 0, 1) : undefined));
  const height = () => HEAD + runs().length * ROW + 8;
  const at = (moment: number) => scale().fromText(String(moment));
  const table = (): Rows => [
    ["run_id", "run_name", "user", "status", "start", "end"],
    ...runs().map((run) => [
      run.id,
      run.name,
      run.user,
      run.status,
      isoTime(run.start),
      run.end === null ? null : isoTime(run.end),
    ]),
  ];
  return (
    <PanelFrame
      {...props}
      ref={(element) => {
        root = element;
      }}
      title={titleOf(props.panel)}
      label={`${titleOf(props.panel)} of ${count(runs().length)} runs`}
      busy={found.loading()}
      hint={
        <span class="hint" role="status">
          {count(runs().length)} of {count(found.total() ?? found.runs().length)} runs
        </span>
      }
      picture={() => drawing}
      actions={tableActions(() => titleOf(props.panel), table)}
    >
      <Show when={found.error()}>
        {(error) => <ErrorNote error={error()} again={found.again} />}
      </Show>
      <div
        class="plot drawing scrolled"
        ref={ground}
        tabindex="0"
        role="region"
        aria-label={titleOf(props.panel)}
      >
        <svg
          ref={drawing}
          role="img"
          aria-label={`${titleOf(props.panel)} of ${count(runs().length)} runs`}
          width={width()}
          height={height()}
          viewBox={`0 0 ${width()} ${height()}`}
        >
          <For each={scale().ticks}>
            {(tick) => (
              <>
                <line class="grid" x1={tick.at} x2={tick.at} y1={HEAD} y2={height()} />
                <text class="tick" x={tick.at} y={12} text-anchor="middle">
                  {tick.text}
                </text>
              </>
            )}
          </For>
          <For each={runs()}>
            {(run, i) => (
              <g
                class="bar-row"
                transform={`translate(0,${HEAD + i() * ROW})`}
                onClick={() => props.context.choose(run.id)}
              >
                <title>
                  {[
                    run.name,
                    run.user,
                    `${time(run.start)}, ${duration(ends(run) - run.start)}`,
                    by() && String(value(run, by()) ?? ""),
                  ]
                    .filter(Boolean)
                    .join(" · ")}
                </title>
                <text class="tick" x={NAMES - 6} y={11} text-anchor="end">
                  {run.name.length > 20 ? `${run.name.slice(0, 19)}…` : run.name}
                </text>
                <rect
                  x={at(run.start)}
                  width={Math.max(2, at(ends(run)) - at(run.start))}
                  y={2}
                  height={ROW - 4}
                  rx={2}
                  classList={{ running: run.end === null }}
                  style={{
                    fill: shades() ? heat(shades()?.place(run) ?? 0) : runColour(run.id),
                  }}
                />
              </g>
            )}
          </For>
        </svg>
      </div>
    </PanelFrame>
  );
}
