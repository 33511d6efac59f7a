// Metrics, and expressions of them, as lines.

import { createEffect, createMemo, createSignal, on, onCleanup, onMount, Show } from "solid-js";
import { part } from "../../api/connection";
import type { StepRange } from "../../api/history";
import { ErrorNote } from "../../parts/ErrorNote";
import { count, counted } from "../../parts/format";
import { theme } from "../../parts/theme";
import { attemptLong } from "../../parts/underWay";
import { isFaintSomewhere } from "../bands";
import { styles } from "../colours";
import { provideRows } from "../figureRows";
import { groupRows } from "../groupCurves";
import { LinePlot } from "../linePlot";
import { PanelFrame } from "../PanelFrame";
import type { KindProps } from "../panelContext";
import { createPanelCursor } from "../panelCursor";
import { createPanelCurves } from "../panelCurves";
import { itemsOf } from "../panelText";
import { RunSwatch } from "../RunSwatch";
import { rangeKeys } from "../rangeKeys";
import { savePoints, savePointsAsParquet } from "../savePoints";
import { tableActions } from "../saveTable";
import { createSight } from "../seen";
import { lineSettings } from "../settings";
import { stepsInSight, union } from "../stepsInSight";
import { titleOf } from "../titles";
import { followTouch } from "../touch";
import { ValuesAtCursor, valueText } from "../ValuesAtCursor";

const LEAST_POINTS = 200;
const MOST_POINTS = 4_000;

/** Its metrics and what is x are those that it began with: for others it is made anew. */
export default function LinePanel(props: KindProps) {
  let canvas!: HTMLDivElement;
  let root!: HTMLElement;
  let plot: LinePlot | undefined;
  const { context } = props;
  const { live } = context;
  const { seen, inSight } = createSight(() => root);
  const [width, setWidth] = createSignal(0);
  const title = () => titleOf(props.panel);
  const settings = createMemo(() => lineSettings(props.fields, context.smoothing()), undefined, {
    equals: (a, b) => JSON.stringify(a) === JSON.stringify(b),
  });
  const zoom = createMemo(() => context.zoom(props.panel.id), undefined, {
    equals: (a, b) => a?.min === b?.min && a?.max === b?.max,
  });
  const setZoom = (range: { min: number; max: number } | undefined) =>
    context.setZoom(props.panel.id, range);
  const of =
    props.panel.metric === undefined || props.panel.fields.of
      ? itemsOf(props.panel.fields.of)
      : [props.panel.metric];
  const drawn = createPanelCurves({
    of,
    xMetric: settings().xMetric,
    live,
    groups: context.groups,
    band: context.band,
    settings,
    zoom,
    inSight,
    ready: createMemo(() => seen() && width() > 0 && live.begun() > 0),
    // Of a smoothed line as many again, which is seen to have corners before others are.
    maxPoints: () =>
      Math.max(LEAST_POINTS, Math.min(MOST_POINTS, (settings().smoothing ? 4 : 2) * width())),
    groupPoints: width,
  });
  const { curves, groups } = drawn;
  const cursor = createPanelCursor({
    plot: () => plot,
    curves,
    shared: context.shared,
    isSynchronised: context.isSynchronised,
    inSight,
    choose: context.choose,
  });
  const hidden = () => curves().reduce((sum, { hidden: some }) => sum + some, 0);
  const isOnlyNaN = () =>
    curves().some(({ ys }) => ys.length) &&
    !hidden() &&
    curves().every(({ ys, marks }) => !marks.length && ys.every((y) => y === null));

  onMount(() => {
    provideRows(root, rowsOfGroups);
    setWidth(canvas.clientWidth);
    plot = new LinePlot(canvas, {
      zoom: setZoom,
      point: cursor.point,
      drawn: cursor.drawHighlight,
    });
    followTouch(canvas, {
      over: () => plot?.plot?.over.getBoundingClientRect(),
      xAt: (left) => plot?.plot?.posToVal(left, "x") ?? 0,
      move: cursor.touch,
      zoom: setZoom,
    });
    const size = new ResizeObserver(() => {
      setWidth(canvas.clientWidth);
      plot?.resize();
    });
    size.observe(canvas);
    onCleanup(() => {
      size.disconnect();
      plot?.destroy();
    });
  });

  createEffect(
    on([curves, settings, zoom, theme, () => width() > 0, styles], () => {
      if (width()) plot?.show(curves(), settings(), zoom());
    }),
  );

  const onKey = (event: KeyboardEvent) => {
    // Where a chosen range has no points, nothing is drawn; it is left by the same keys.
    const keys =
      event.shiftKey || !event.key.startsWith("Arrow")
        ? { ...cursor.keys, ...rangeKeys(plot?.plot?.scales.x ?? zoom(), setZoom) }
        : cursor.keys;
    const action = keys[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  };
  const stepsToSave = (): StepRange => {
    const range = zoom();
    if (!range || settings().xMetric !== undefined) return {};
    if (settings().axis === "step") return { start: range.min, end: range.max };
    const inSight = stepsInSight(range, drawn.whole(), drawn.starts(), settings().axis);
    return union([...inSight.values()]);
  };
  const ids = () => drawn.drawnRuns().map((run) => run.id);
  const picture = async () => {
    if (!plot?.plot) return;
    const { lineDrawing } = await part(() => import("../saveLines"));
    return lineDrawing({
      plot: plot.plot,
      curves: curves(),
      settings: settings(),
      nameOf: drawn.nameOf,
    });
  };
  const rowsOfGroups = () => {
    const all = groups();
    return all && groupRows(drawn.groupHistories(), all, context.band());
  };
  /** A file has points of one kind: aligned ones of groups, or those that runs logged. */
  const dataActions = () => {
    const points = () => ({ metrics: drawn.names, runs: drawn.drawnRuns(), range: stepsToSave() });
    const saveParquet = () => {
      const name = `${title()}.parquet`;
      return attemptLong(`Making ${name}`, (underWay) =>
        savePointsAsParquet(points(), name, underWay),
      );
    };
    const ofRuns = (of: string) => [
      { label: `CSV${of}`, act: () => savePoints(points()) },
      { label: `Parquet${of}`, act: saveParquet },
    ];
    if (!groups()) return ofRuns("");
    const ofGroups = tableActions(title, () => rowsOfGroups() ?? []);
    return ids().length ? [...ofGroups, ...ofRuns(" of single runs")] : ofGroups;
  };
  const howMany = () => {
    const all = groups();
    const runs = counted(ids().length, "run");
    if (!all) return runs;
    const drawnGroups = new Set(curves().flatMap(({ runId, spread }) => (spread ? runId : [])));
    const some = `${all.centre} of ${counted(drawnGroups.size, "group")}`;
    return ids().length ? `${some}, ${runs}` : some;
  };
  return (
    <PanelFrame
      {...props}
      ref={(element) => {
        root = element;
      }}
      title={title()}
      label={`${title()}, ${howMany()}`}
      busy={drawn.loading()}
      onKey={onKey}
      hint={
        <>
          <Show when={context.groups() && !groups()}>
            <span class="hint" title="Groups are drawn of metrics by step">
              single runs
            </span>
          </Show>
          <Show when={groups() && curves().some(isFaintSomewhere)}>
            <span
              class="hint"
              title="There not all runs of a group have a value: point at the line to see how many"
            >
              faint: fewer runs
            </span>
          </Show>
          <Show when={groups() && settings().smoothing}>
            <span class="hint">groups are not smoothed</span>
          </Show>
          <Show when={hidden()}>
            <span class="hint">{count(hidden())} points ≤ 0 are not on a logarithmic axis</span>
          </Show>
          <Show when={zoom()}>
            <button type="button" class="quiet" onClick={() => setZoom(undefined)}>
              Show all
            </button>
          </Show>
        </>
      }
      picture={picture}
      actions={dataActions()}
    >
      <Show when={drawn.error()}>
        {(now) => <ErrorNote error={now()} again={drawn.readAgain} />}
      </Show>
      <Show when={drawn.mistake}>
        <p class="error">{drawn.mistake}</p>
      </Show>
      <div
        class="plot"
        role="presentation"
        data-points={curves().reduce((sum, { xs }) => sum + xs.length, 0)}
        onPointerDown={cursor.pressed}
        onClick={cursor.clicked}
        onDblClick={() => setZoom(undefined)}
      >
        <Show when={!of.length}>
          <p class="empty">Edit it to choose metrics.</p>
        </Show>
        <Show when={isOnlyNaN()}>
          <p class="empty">All points are NaN.</p>
        </Show>
        {/* What is in here is uPlot's alone. */}
        <div ref={canvas} class="canvas" />
        <Show when={cursor.found().length ? cursor.cursor() : undefined}>
          {(at) => (
            <ValuesAtCursor
              at={at()}
              byTouch={cursor.byTouch()}
              found={cursor.found()}
              nameOf={drawn.nameOf}
              settings={settings()}
              isNamed={new Set(curves().map((one) => one.place)).size > 1}
            />
          )}
        </Show>
        <Show when={cursor.told()}>
          {(one) => (
            <div
              class="values one"
              classList={{ left: one().left > one().width / 2 }}
              style={{ "--at": `${one().left}px` }}
            >
              <RunSwatch id={one().curve.runId} />
              <b>{valueText(one(), one().smooth ?? one().raw)}</b>
            </div>
          )}
        </Show>
      </div>
    </PanelFrame>
  );
}
