// A cell of the table: what a run has in a column, or what the runs of a group have there.

import { createMemo, For, Show } from "solid-js";
import type { Statistic } from "../api/runGroups";
import { count } from "../parts/format";
import { StatusMark } from "../parts/StatusMark";
import { type Column, text } from "../runs/columns";
import { groupText } from "../runs/groups";
import { isGroup, isLine, type Row } from "../runs/rows";
import type { ColumnLayout } from "./columnLayout";

// Of the size of letters: how wide a digit is at most, and any other letter of ASCII.
const DIGIT = 0.68;
const LETTER = 1;
// Pixels beside the text, and to be sure.
const AROUND = 20;

export function TableCell(props: {
  row: Row;
  column: Column;
  index: number;
  width: number;
  /** Size of letters, in pixels. */
  em: number;
  isNumber: boolean;
  layout: ColumnLayout;
  statistic: Statistic;
}) {
  const isPinned = () => props.layout.isPinned(props.column);
  const isStatus = () => props.column === "status";
  const said = createMemo(() =>
    isStatus() ? "" : cellText(props.row, props.column, props.statistic),
  );
  // To clip is half of what it takes to draw a cell. An empty one stays as it was.
  const isClipped = createMemo<boolean>(
    (before) => isStatus() || (said() ? !fits(said(), props.width, props.em) : before),
    false,
  );
  return (
    <div
      class="cell"
      classList={{ number: props.isNumber, pinned: isPinned(), clipped: isClipped() }}
      role="gridcell"
      aria-colindex={props.index + 2}
      style={{
        width: `${props.width}px`,
        left: isPinned()
          ? `calc(var(--name-width) + ${props.layout.pinnedAt(props.column)}px)`
          : undefined,
      }}
    >
      {isStatus() ? <RowStatus row={props.row} /> : said()}
    </div>
  );
}

function cellText(row: Row, column: Column, statistic: Statistic): string {
  if (isGroup(row)) return groupText(row.group, column, statistic);
  return row ? text(row.run, column) : "";
}

/** Returns whether a text is so short that there is room for it, whatever it says. */
function fits(text: string, width: number, em: number): boolean {
  if (!/^[ -~]*$/.test(text)) return false;
  const letter = /^[\d.e+-]*$/.test(text) ? DIGIT : LETTER;
  return text.length * letter * em <= width - AROUND;
}

/** The status of a run, or how many runs of a group have which. */
function RowStatus(props: { row: Row }) {
  return (
    <>
      <Show when={isLine(props.row) && props.row.run.status}>
        {(status) => <StatusMark status={status()} />}
      </Show>
      <For each={isGroup(props.row) ? props.row.group.statuses : []}>
        {(one) => (
          <span class="counted">
            <StatusMark status={one.status} brief />
            {count(one.count)}
          </span>
        )}
      </For>
    </>
  );
}
