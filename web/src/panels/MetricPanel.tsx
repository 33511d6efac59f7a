// One metric of some runs.

import { createEffect, createMemo, createSignal, on, onCleanup, onMount, Show } from "solid-js";
import type { StepRange } from "../api/history";
import type { Run } from "../api/runs";
import { ErrorNote } from "../parts/ErrorNote";
import { count, number } from "../parts/format";
import { theme } from "../parts/theme";
import type { LiveRuns } from "../runs/liveRuns";
import { createHistories } from "./chartHistories";
import { runColour, runDash } from "./colours";
import { curve, type Settings } from "./curves";
import { LinePlot } from "./linePlot";
import { createPanelCursor } from "./panelCursor";
import { RunSwatch } from "./RunSwatch";
import { sameSmoothing } from "./SmoothingControl";
import { saveChartImage } from "./saveImage";
import { savePoints } from "./savePoints";
import type { Range } from "./scales";
import type { CursorState } from "./sharedCursor";
import { stepsInSight, union } from "./stepsInSight";
import { followTouch } from "./touch";
import { ValuesAtCursor } from "./ValuesAtCursor";

const LEAST_POINTS = 200;
const MOST_POINTS = 4_000;

export function MetricPanel(props: {
  metric: string;
  runs: Run[];
  live: LiveRuns;
  settings: Settings;
  zoom: Range | undefined;
  setZoom: (range: Range | undefined) => void;
  shared: CursorState;
  /** Whether the cursor of one chart is that of all. */
  isSynchronised: boolean;
  choose: (runId: string) => void;
}) {
  let root!: HTMLElement;
  let canvas!: HTMLDivElement;
  let plot: LinePlot | undefined;
  const [seen, setSeen] = createSignal(false);
  const [width, setWidth] = createSignal(0);

  // Runs and zooms are told anew without being others.
  const drawnRuns = createMemo(() => props.runs.filter((run) => run.metrics.has(props.metric)));
  const ids = createMemo(() => drawnRuns().map((run) => run.id), [], { equals: same });
  const starts = createMemo(
    () => new Map(drawnRuns().map((run) => [run.id, run.start])),
    undefined,
    { equals: (a, b) => same([...a], [...b]) },
  );
  const zoom = createMemo(() => props.zoom, undefined, {
    equals: (a, b) => a?.min === b?.min && a?.max === b?.max,
  });
  const histories = createHistories({
    metric: props.metric,
    runIds: ids,
    ready: createMemo(() => seen() && width() > 0 && props.live.begun() > 0),
    // Of a smoothed line as many again, which is seen to have corners before others are.
    maxPoints: () =>
      Math.max(LEAST_POINTS, Math.min(MOST_POINTS, (props.settings.smoothing ? 4 : 2) * width())),
    zoom,
    inSight: (whole, range) => stepsInSight(range, whole, starts(), props.settings.axis),
    smoothing: createMemo(() => props.settings.smoothing, undefined, { equals: sameSmoothing }),
    live: props.live,
  });
  const curves = createMemo(() =>
    histories
      .drawn()
      .filter(({ steps }) => steps.length)
      .map((history) => curve(history, starts().get(history.runId) ?? 0, props.settings)),
  );
  const cursor = createPanelCursor({
    plot: () => plot,
    curves,
    shared: props.shared,
    isSynchronised: () => props.isSynchronised,
    choose: (runId) => props.choose(runId),
  });
  const hidden = () => curves().reduce((sum, { hidden: some }) => sum + some, 0);

  onMount(() => {
    const sight = new IntersectionObserver(([entry]) => entry?.isIntersecting && setSeen(true), {
      rootMargin: "300px",
    });
    sight.observe(root);
    // What is in sight at once is read without waiting for the next frame.
    setSeen(root.getBoundingClientRect().top < innerHeight);
    setWidth(canvas.clientWidth);
    plot = new LinePlot(canvas, {
      zoom: props.setZoom,
      point: cursor.point,
      drawn: cursor.drawHighlight,
    });
    followTouch(canvas, {
      over: () => plot?.plot?.over.getBoundingClientRect(),
      xAt: (left) => plot?.plot?.posToVal(left, "x") ?? 0,
      move: cursor.touch,
      zoom: props.setZoom,
    });
    const size = new ResizeObserver(() => {
      setWidth(canvas.clientWidth);
      plot?.resize();
    });
    size.observe(canvas);
    onCleanup(() => {
      sight.disconnect();
      size.disconnect();
      plot?.destroy();
    });
  });

  const looks = createMemo(() =>
    ids()
      .map((id) => [runColour(id), runDash(id)])
      .join(),
  );
  createEffect(
    on([curves, zoom, theme, () => width() > 0, looks], () => {
      if (width()) plot?.show(curves(), props.settings, zoom());
    }),
  );

  const onKey = (event: KeyboardEvent) => {
    if (event.target !== root) return;
    // Where a chosen range has no points, nothing is drawn; it is left by the same keys.
    const drawn = plot?.plot;
    const { min = 0, max = 1 } = (drawn?.scales.x ?? zoom() ?? {}) as Partial<Range>;
    const size = max - min;
    const ranges: Record<string, () => void> = {
      ArrowLeft: () => props.setZoom({ min: min - size / 4, max: max - size / 4 }),
      ArrowRight: () => props.setZoom({ min: min + size / 4, max: max + size / 4 }),
      "+": () => props.setZoom({ min: min + size / 4, max: max - size / 4 }),
      "-": () => props.setZoom({ min: min - size / 2, max: max + size / 2 }),
      "0": () => props.setZoom(undefined),
    };
    const isArrow = event.key.startsWith("Arrow");
    const action =
      (isArrow && !event.shiftKey ? cursor.keys : ranges)[event.key] ?? cursor.keys[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  };
  const saveData = () => savePoints(props.metric, ids(), stepsToSave());
  const stepsToSave = (): StepRange => {
    const range = zoom();
    if (!range) return {};
    if (props.settings.axis === "step") return { start: range.min, end: range.max };
    return union([
      ...stepsInSight(range, histories.whole(), starts(), props.settings.axis).values(),
    ]);
  };
  return (
    <figure
      ref={root}
      class="panel"
      tabindex="0"
      aria-label={`${props.metric}, ${drawnRuns().length} runs`}
      aria-busy={histories.loading()}
      onKeyDown={onKey}
    >
      <figcaption>
        <span class="title" title={props.metric}>
          {props.metric}
        </span>
        <Show when={hidden()}>
          <span class="hint">{count(hidden())} points ≤ 0 are not on a logarithmic axis</span>
        </Show>
        <Show when={zoom()}>
          <button type="button" class="quiet" onClick={() => props.setZoom(undefined)}>
            Show all
          </button>
        </Show>
        <button
          type="button"
          class="quiet"
          onClick={() =>
            plot?.plot && saveChartImage(plot.plot.ctx.canvas, props.metric, drawnRuns())
          }
        >
          PNG<span class="unseen"> of {props.metric}</span>
        </button>
        <button type="button" class="quiet" onClick={saveData}>
          CSV<span class="unseen"> of {props.metric}</span>
        </button>
      </figcaption>
      <Show when={histories.error()}>
        {(now) => <ErrorNote error={now()} again={histories.readAgain} />}
      </Show>
      <div
        class="plot"
        role="presentation"
        data-points={curves().reduce((sum, { xs }) => sum + xs.length, 0)}
        onPointerDown={cursor.pressed}
        onClick={cursor.clicked}
        onDblClick={() => props.setZoom(undefined)}
      >
        {/* What is in here is uPlot's alone. */}
        <div ref={canvas} />
        <Show when={cursor.found().length ? cursor.cursor() : undefined}>
          {(at) => (
            <ValuesAtCursor
              at={at()}
              byTouch={cursor.byTouch()}
              found={cursor.found()}
              runs={props.runs}
              settings={props.settings}
            />
          )}
        </Show>
        <Show when={cursor.told()}>
          {(one) => (
            <div
              class="values one"
              classList={{ left: one().left > one().width / 2 }}
              style={{ "--at": `${one().left}px`, "--end": `${one().width - one().left}px` }}
            >
              <RunSwatch id={one().runId} />
              <b>{number(one().smooth ?? one().raw)}</b>
            </div>
          )}
        </Show>
      </div>
    </figure>
  );
}

function same(a: unknown[], b: unknown[]): boolean {
  return a.join() === b.join();
}
