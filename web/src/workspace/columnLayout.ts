// How wide the columns of the table are, in which order they stand, and which stay in sight.

import { createMemo, createSignal } from "solid-js";
import { useList } from "../parts/address";
import { fontScale } from "../parts/fontScale";
import type { Column } from "../runs/columns";

const WIDTHS: Record<Column, number> = { start_time: 210, end_time: 210, run_id: 270, status: 120 };
const WIDTH = 128;
export const LEAST_WIDTH = 48;
const MOST_WIDTH = 1_200;

// Pixels of the column of names, which has what the others leave, between two ends.
const NAME = { least: 280, most: 480, part: 0.45 };

export function createColumnLayout(shown: () => Column[], isNarrow: () => boolean) {
  const [, setColumns] = useList("columns");
  const [widthsText, setWidths] = useList("widths");
  const [pinnedColumns, setPinned] = useList("pinned");
  // While a column is dragged, its width is not in the address yet.
  const [dragged, setDragged] = createSignal<[Column, number]>();

  const widths = createMemo(() => new Map(widthsText().map(widthOf)));
  const chosenWidth = (column: Column) => {
    const now = dragged();
    return now?.[0] === column ? now[1] : widths().get(column);
  };
  const width = (column: Column) =>
    chosenWidth(column) ?? Math.round((WIDTHS[column] ?? WIDTH) * fontScale());
  const pinned = createMemo(() =>
    isNarrow() ? [] : pinnedColumns().filter((column) => shown().includes(column)),
  );
  const others = createMemo(() => shown().filter((column) => !pinned().includes(column)));
  const order = createMemo(() => [...pinned(), ...others()]);

  return {
    /** The columns that stay beside the names, and those that scroll. */
    pinned,
    others,
    order,
    width,
    isPinned: (column: Column) => pinned().includes(column),
    /** Where a pinned column begins, behind the names. */
    pinnedAt: (column: Column) =>
      pinned()
        .slice(0, pinned().indexOf(column))
        .reduce((sum, other) => sum + width(other), 0),
    pinnedWidth: createMemo(() => pinned().reduce((sum, column) => sum + width(column), 0)),
    /** How wide the names are in a table of a width, whose other columns have theirs. */
    nameWidth: (room: number) => {
      const chosen = chosenWidth("run_name");
      if (chosen) return chosen;
      const rest = room - order().reduce((sum, column) => sum + width(column), 0);
      return Math.max(Math.min(NAME.least, room * NAME.part), Math.min(rest, NAME.most));
    },
    /** Sets a width; while it is dragged, only for the eye. */
    resize: (column: Column, to: number, isDragged = false) => {
      const size = Math.round(Math.min(MOST_WIDTH, Math.max(LEAST_WIDTH, to)));
      setDragged(isDragged ? [column, size] : undefined);
      if (isDragged) return;
      setWidths((now) =>
        [...new Map(now.map(widthOf)).set(column, size)].map(([key, pixels]) => `${key}=${pixels}`),
      );
    },
    /** Gives a column back the width that it has by itself. */
    fit: (column: Column) => setWidths((now) => now.filter((text) => widthOf(text)[0] !== column)),
    /** Puts a column before the one at a place of the order. */
    move: (column: Column, place: number) => {
      const now = order();
      const from = now.indexOf(column);
      const to = Math.max(0, Math.min(now.length - 1, place));
      if (from < 0 || from === to) return;
      const next = now.filter((other) => other !== column);
      next.splice(to, 0, column);
      const pins = pinned().length;
      // Who is dragged among the pinned ones is pinned, and who is dragged out is not.
      const isIn = pinned().includes(column);
      const count = isIn ? (to >= pins ? pins - 1 : pins) : to < pins ? pins + 1 : pins;
      if (count || pins) setPinned(next.slice(0, count));
      setColumns(next);
    },
    pin: (column: Column) =>
      setPinned((now) =>
        now.includes(column) ? now.filter((other) => other !== column) : [...now, column],
      ),
  };
}

export type ColumnLayout = ReturnType<typeof createColumnLayout>;

function widthOf(text: string): [Column, number] {
  const end = text.lastIndexOf("=");
  const pixels = Number(text.slice(end + 1));
  return [text.slice(0, end), Math.min(MOST_WIDTH, Math.max(LEAST_WIDTH, pixels || WIDTH))];
}
