// One metric of some runs.

import { createEffect, createMemo, createSignal, on, onCleanup, onMount, Show } from "solid-js";
import { type ApiError, shown } from "../api/client";
import { type History, merge, readHistories, type StepRange } from "../api/history";
import type { Run } from "../api/runs";
import { ErrorNote } from "../parts/ErrorNote";
import { count } from "../parts/format";
import { attempt } from "../parts/notices";
import { theme } from "../parts/theme";
import type { LiveRuns } from "../runs/liveRuns";
import { curve, nearest, type Settings, xsOf } from "./curves";
import { LinePlot } from "./linePlot";
import { saveChartImage } from "./saveImage";
import { savePoints } from "./savePoints";
import type { Range } from "./scales";
import { ValuesAtCursor } from "./ValuesAtCursor";

const LEAST_POINTS = 200;
const MOST_POINTS = 4_000;

export function MetricPanel(props: {
  metric: string;
  runs: Run[];
  live: LiveRuns;
  settings: Settings;
}) {
  let root!: HTMLElement;
  let canvas!: HTMLDivElement;
  let plot: LinePlot | undefined;
  let frame = 0;
  const [seen, setSeen] = createSignal(false);
  const [width, setWidth] = createSignal(0);
  const [histories, setHistories] = createSignal<History[]>([], { equals: false });
  const [range, setRange] = createSignal<Range>();
  const [error, setError] = createSignal<ApiError>();
  const [loading, setLoading] = createSignal(true);
  const [cursor, setCursor] = createSignal<{ x: number; left: number }>();

  const ids = createMemo(() =>
    props.runs
      .filter((run) => run.metrics.has(props.metric))
      .map((run) => run.id)
      .join(),
  );
  const starts = createMemo(
    () => new Map(props.runs.map((run) => [run.id, run.start])),
    undefined,
    {
      equals: (a, b) => [...a].join() === [...b].join(),
    },
  );
  const maxPoints = () => Math.max(LEAST_POINTS, Math.min(MOST_POINTS, 2 * width()));
  const curves = createMemo(() =>
    histories().map((history) => curve(history, starts().get(history.runId) ?? 0, props.settings)),
  );
  const hidden = () => curves().reduce((sum, { hidden: some }) => sum + some, 0);
  const steps = createMemo(() => stepsIn(range(), histories(), starts(), props.settings));

  onMount(() => {
    const sight = new IntersectionObserver(([entry]) => entry?.isIntersecting && setSeen(true), {
      rootMargin: "300px",
    });
    sight.observe(root);
    // What is in sight at once is read without waiting for the next frame.
    setSeen(root.getBoundingClientRect().top < innerHeight);
    setWidth(canvas.clientWidth);
    plot = new LinePlot(canvas, {
      zoom: setRange,
      point: (x, left) => setCursor(x === undefined ? undefined : { x, left }),
    });
    const size = new ResizeObserver(() => {
      setWidth(canvas.clientWidth);
      plot?.resize();
    });
    size.observe(canvas);
    onCleanup(() => {
      sight.disconnect();
      size.disconnect();
      cancelAnimationFrame(frame);
      plot?.destroy();
    });
  });

  const read = async (asked: StepRange, control: AbortController) => {
    setLoading(true);
    try {
      setHistories(
        await readHistories(
          ids().split(",").filter(Boolean),
          props.metric,
          asked,
          maxPoints(),
          control.signal,
        ),
      );
      setError(undefined);
    } catch (failure) {
      if (control.signal.aborted) return;
      setError(shown(failure));
    }
    setLoading(false);
  };
  const [again, setAgain] = createSignal(0);
  createEffect(
    on([seen, ids, range, props.live.begun, again, () => width() > 0], () => {
      if (!seen() || !width() || !props.live.begun()) return;
      const control = new AbortController();
      // What is in sight of a chosen range tells which steps to read; these stay what they are.
      read(range() ? (steps() ?? {}) : {}, control);
      onCleanup(() => control.abort());
    }),
  );
  props.live.listen((changes) => {
    if (!seen()) return;
    let added = 0;
    for (const { run_id: id = "", metrics } of changes) {
      const history = histories().find((one) => one.runId === id);
      if (metrics && history) added += merge(history, metrics);
      if ((history?.steps.length ?? 0) > 2 * MOST_POINTS) setAgain((times) => times + 1);
    }
    if (added) frame ||= requestAnimationFrame(refresh);
  });
  const refresh = () => {
    frame = 0;
    setHistories((same) => same);
  };

  createEffect(
    on([curves, range, theme, () => width() > 0], () => {
      if (width()) plot?.show(curves(), props.settings, range());
    }),
  );

  const onKey = (event: KeyboardEvent) => {
    if (event.target !== root) return;
    // Where a chosen range has no points, nothing is drawn; it is left by the same keys.
    const drawn = plot?.plot;
    const { min = 0, max = 1 } = (drawn?.scales.x ?? range() ?? {}) as Partial<Range>;
    const size = max - min;
    const to = (step: number) => {
      const left = (drawn?.cursor.left ?? -1) + step;
      const end = (drawn?.bbox.width ?? 0) / devicePixelRatio;
      drawn?.setCursor({ left: Math.max(0, Math.min(end, left)), top: 10 });
    };
    const keys: Record<string, () => void> = {
      ArrowLeft: () =>
        event.shiftKey ? setRange({ min: min - size / 4, max: max - size / 4 }) : to(-8),
      ArrowRight: () =>
        event.shiftKey ? setRange({ min: min + size / 4, max: max + size / 4 }) : to(8),
      "+": () => setRange({ min: min + size / 4, max: max - size / 4 }),
      "-": () => setRange({ min: min - size / 2, max: max + size / 2 }),
      "0": () => setRange(undefined),
    };
    const action = keys[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  };
  const shownRuns = () => props.runs.filter((run) => ids().includes(run.id));
  const saveData = () =>
    attempt(() => savePoints(props.metric, shownRuns(), (range() && steps()) || {}));

  return (
    <figure
      ref={root}
      class="panel"
      tabindex="0"
      aria-label={`${props.metric}, ${shownRuns().length} runs`}
      aria-busy={loading()}
      onKeyDown={onKey}
    >
      <figcaption>
        <span class="title" title={props.metric}>
          {props.metric}
        </span>
        <Show when={hidden()}>
          <span class="hint">{count(hidden())} points ≤ 0 are not on a logarithmic axis</span>
        </Show>
        <Show when={range()}>
          <button type="button" class="quiet" onClick={() => setRange(undefined)}>
            Show all
          </button>
        </Show>
        <button
          type="button"
          class="quiet"
          onClick={() =>
            plot?.plot && saveChartImage(plot.plot.ctx.canvas, props.metric, shownRuns())
          }
        >
          PNG<span class="unseen"> of {props.metric}</span>
        </button>
        <button type="button" class="quiet" onClick={saveData}>
          CSV<span class="unseen"> of {props.metric}</span>
        </button>
      </figcaption>
      <Show when={error()}>
        {(now) => <ErrorNote error={now()} again={() => setAgain((times) => times + 1)} />}
      </Show>
      <div
        class="plot"
        role="presentation"
        data-points={curves().reduce((sum, { xs }) => sum + xs.length, 0)}
        onDblClick={() => setRange(undefined)}
      >
        {/* What is in here is uPlot's alone. */}
        <div ref={canvas} />
        <Show when={cursor()}>
          {(at) => (
            <ValuesAtCursor
              at={at()}
              curves={curves()}
              runs={props.runs}
              settings={props.settings}
            />
          )}
        </Show>
      </div>
    </figure>
  );
}

/** Returns the steps that are in sight, with a neighbour on each side. */
function stepsIn(
  range: Range | undefined,
  histories: History[],
  starts: Map<string, number>,
  settings: Settings,
): StepRange | undefined {
  if (!range) return undefined;
  if (settings.axis === "step") return { start: range.min, end: range.max };
  const steps: number[] = [];
  for (const history of histories) {
    const xs = xsOf(history, starts.get(history.runId) ?? 0, settings.axis);
    const inside = history.steps.filter(
      (_, i) => (xs[i] ?? 0) >= range.min && (xs[i] ?? 0) <= range.max,
    );
    for (const edge of [range.min, range.max]) inside.push(history.steps[nearest(xs, edge)] ?? 0);
    steps.push(Math.min(...inside), Math.max(...inside));
  }
  return { start: Math.min(...steps), end: Math.max(...steps) };
}
