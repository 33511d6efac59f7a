// The cursor of one chart: what stands under it, which curve stands out, and what other charts are told.

import { createEffect, createMemo, createSignal, on, onCleanup } from "solid-js";
import { type Found, pointedAt, pointOf, valuesAt } from "./cursorValues";
import type { Curve } from "./curves";
import { Highlight } from "./highlight";
import type { Cursor, LinePlot } from "./linePlot";
import type { CursorState } from "./sharedCursor";

// Pixels that the keys move the cursor by.
const STEP = 8;
// A pointer that moved farther from where it went down chose a range, not a curve.
const STILL = 4;

export function createPanelCursor(asked: {
  plot: () => LinePlot | undefined;
  curves: () => Curve[];
  shared: CursorState;
  isSynchronised: () => boolean;
  /** Whether somebody can see the chart, or nearly. */
  inSight: () => boolean;
  /** Somebody chose the curve of a run. */
  choose: (runId: string) => void;
}) {
  const { shared } = asked;
  const source = {};
  const highlight = new Highlight();
  const [cursor, setCursor] = createSignal<Cursor>();
  const [byTouch, setByTouch] = createSignal(false);
  const yOf = (value: number) => asked.plot()?.yOf(value) ?? Number.NaN;

  const found = createMemo(() => {
    const at = cursor();
    return at ? valuesAt(asked.curves(), at, yOf) : [];
  });
  // The cursor of another chart that this one shows, too.
  const other = createMemo(() => {
    const at = asked.isSynchronised() && asked.inSight() ? shared.at() : undefined;
    return at && at.source !== source ? at : undefined;
  });
  const curveOf = (runId: string | undefined) =>
    asked.curves().find((curve) => curve.runId === runId);
  const standsOut = createMemo(
    () => pointedAt(found())?.curve ?? curveOf((other() && shared.pointed()) ?? shared.shown()),
  );

  /** What the run that another chart points at has here. */
  const told = createMemo((): (Found & { left: number; width: number }) | undefined => {
    const at = other();
    const curve = curveOf(at?.runId);
    const { plot, width = 0 } = asked.plot() ?? {};
    if (!at || !curve || !plot) return undefined;
    const { xs } = curve;
    if (at.x < (xs[0] ?? 0) || at.x > (xs.at(-1) ?? 0)) return undefined;
    const left = plot.valToPos(at.x, "x");
    if (left < 0 || left > width) return undefined;
    return { ...pointOf(curve, { x: at.x, top: undefined }, yOf), left, width };
  });

  const drawHighlight = () => {
    const plot = asked.plot();
    if (plot) highlight.draw(plot, standsOut());
  };
  createEffect(on(standsOut, drawHighlight, { defer: true }));
  createEffect(on(other, (at) => cursor() || asked.plot()?.showCursor(at?.x), { defer: true }));

  const point = (at: Cursor | undefined) => {
    setCursor(at);
    if (!at) setByTouch(false);
    if (!asked.isSynchronised()) return;
    if (at) shared.move({ x: at.x, source, runId: pointedAt(found())?.curve.runId });
    else shared.leave(source);
  };
  onCleanup(() => point(undefined));

  const across = (step: number) => {
    const { plot, width: end = 0 } = asked.plot() ?? {};
    const left = Math.max(0, Math.min(end, (plot?.cursor.left ?? -1) + step));
    asked.plot()?.moveCursor(left, undefined);
  };
  /** Goes from the curve that is pointed at to the next above or below. */
  const upOrDown = (step: number) => {
    const at = cursor();
    if (!at) return across(STEP);
    const tops = found()
      .map((one) => yOf(one.smooth ?? one.raw))
      .filter(Number.isFinite)
      .sort((a, b) => a - b);
    const after = at.top ?? (step > 0 ? -1 : Number.POSITIVE_INFINITY);
    const next =
      step > 0 ? tops.find((top) => top > after + 0.5) : tops.findLast((top) => top < after - 0.5);
    if (next !== undefined) asked.plot()?.moveCursor(at.left, next);
  };
  const chooseCurve = () => {
    const runId = pointedAt(found())?.curve.runId;
    if (runId) asked.choose(runId);
  };
  const keys: Record<string, () => void> = {
    ArrowLeft: () => across(-STEP),
    ArrowRight: () => across(STEP),
    ArrowUp: () => upOrDown(-1),
    ArrowDown: () => upOrDown(1),
    Enter: chooseCurve,
  };
  let down = { x: 0, y: 0 };
  return {
    cursor,
    byTouch,
    found,
    told,
    keys,
    drawHighlight,
    point,
    /** A finger is somewhere over the plot. */
    touch: (at: { left: number; top: number } | undefined) => {
      setByTouch(at !== undefined);
      asked.plot()?.moveCursor(at?.left ?? -1, at?.top);
    },
    pressed: (event: PointerEvent) => {
      down = { x: event.clientX, y: event.clientY };
    },
    clicked: (event: MouseEvent) => {
      const moved = Math.abs(event.clientX - down.x) + Math.abs(event.clientY - down.y);
      const isTouch = event instanceof PointerEvent && event.pointerType === "touch";
      if (moved <= STILL && !isTouch) chooseCurve();
    },
  };
}
