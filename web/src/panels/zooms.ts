// The ranges of the x axis that somebody chose in charts; they are in the address.

import { createEffect, createSignal, on, onCleanup } from "solid-js";
import { useList } from "../parts/address";
import type { Range } from "./scales";

/** The parameter of the address. */
export const ZOOM = "zoom";

// An address has a length that can be sent: of more charts the ones that were zoomed last are in it.
const MOST_ZOOMS = 10;
// A key that is held down chooses many ranges a second, and browsers refuse so many addresses.
const SETTLE_MS = 200;

/** Returns the range of the chart of a metric, how to set it, and how to leave all ranges. */
export function useZooms() {
  const [list, setList] = useList(ZOOM);
  const [zooms, setZooms] = createSignal(new Map(list().flatMap(zoomOf)));
  let timer: ReturnType<typeof setTimeout> | undefined;
  const texts = () => [...zooms()].slice(-MOST_ZOOMS).map(textOf);
  const setZoom = (metric: string, range: Range | undefined) => {
    const next = new Map(zooms());
    next.delete(metric);
    if (range) next.set(metric, range);
    setZooms(next);
    clearTimeout(timer);
    timer = setTimeout(() => setList(texts()), SETTLE_MS);
  };
  const leaveAll = () => {
    clearTimeout(timer);
    setZooms(new Map());
  };
  onCleanup(() => clearTimeout(timer));
  // Somebody may change the address, or go back to another.
  createEffect(
    on(
      () => list().join("\n"),
      (now) => {
        if (now !== texts().join("\n")) setZooms(new Map(list().flatMap(zoomOf)));
      },
      { defer: true },
    ),
  );
  return { zoom: (metric: string) => zooms().get(metric), setZoom, leaveAll };
}

function textOf([metric, { min, max }]: [string, Range]): string {
  return `${metric}:${min}:${max}`;
}

/** Returns what a text of the address says; nothing, if it says no range. */
function zoomOf(text: string): [string, Range][] {
  const [, metric = "", from, to] = /^(.*):([^:]+):([^:]+)$/s.exec(text) ?? [];
  const [min, max] = [Number(from), Number(to)];
  return min < max && Number.isFinite(max - min) ? [[metric, { min, max }]] : [];
}
