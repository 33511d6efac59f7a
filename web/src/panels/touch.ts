// Fingers on a chart: one moves the cursor, two choose a range. Up and down scrolls the page.

import type { Range } from "./scales";

interface Touched {
  /** Returns where the plot is on the screen; nothing while there is none. */
  over: () => DOMRect | undefined;
  /** Returns the x at pixels from the left of the plot. */
  xAt: (left: number) => number;
  /** The finger is there, or the page scrolls instead. */
  move: (at: { left: number; top: number } | undefined) => void;
  zoom: (range: Range) => void;
}

// Pixels between two fingers that choose a range, at least.
const APART = 20;

/** Has an element follow fingers. Mice are uPlot's. */
export function followTouch(element: HTMLElement, touched: Touched): void {
  const fingers = new Map<number, number>();
  // The x under each of two fingers, from when the second came.
  let held: [number, number] | undefined;

  const lefts = () => [...fingers.values()].sort((a, b) => a - b);
  const onMove = (event: PointerEvent) => {
    const over = touched.over();
    if (event.pointerType !== "touch" || !over) return;
    if (event.type === "pointermove" && !fingers.has(event.pointerId)) return;
    const inside = (at: number, size: number) => Math.max(0, Math.min(size, at));
    const left = inside(event.clientX - over.left, over.width);
    fingers.set(event.pointerId, left);
    const [a, b] = lefts();
    if (b !== undefined && a !== undefined) {
      held ??= [touched.xAt(a), touched.xAt(b)];
      touched.move(undefined);
    } else touched.move({ left, top: inside(event.clientY - over.top, over.height) });
  };
  const onEnd = (event: PointerEvent) => {
    const over = touched.over();
    const [a = 0, b = 0] = lefts();
    if (held && over && b - a >= APART) {
      const size = (held[1] - held[0]) / (b - a);
      const min = held[0] - a * size;
      touched.zoom({ min, max: min + over.width * size });
    }
    held = undefined;
    fingers.delete(event.pointerId);
    if (event.type === "pointercancel") touched.move(undefined);
  };
  element.addEventListener("pointerdown", onMove);
  element.addEventListener("pointermove", onMove);
  element.addEventListener("pointerup", onEnd);
  element.addEventListener("pointercancel", onEnd);
}
