// Which part of a picture is looked at, and how closely. Pictures side by side can share it.

import { createSignal } from "solid-js";

interface Point {
  x: number;
  y: number;
}

export function createPixelLook() {
  const [zoom, setZoom] = createSignal(0); // 0 fits the frame
  /** The pixel that is pointed at. */
  const [pixel, setPixel] = createSignal<Point>();
  /** How far the frame is scrolled. */
  const [corner, setCorner] = createSignal<Point>(
    { x: 0, y: 0 },
    { equals: (a, b) => a.x === b.x && a.y === b.y },
  );
  return { zoom, setZoom, pixel, setPixel, corner, setCorner };
}

export type PixelLook = ReturnType<typeof createPixelLook>;
