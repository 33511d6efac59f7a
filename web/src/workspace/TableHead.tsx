// The head of a column: a click sorts, a drag moves it, its right edge makes it wider.

import { createSignal, type JSX, Show } from "solid-js";
import { follow, type Press } from "../parts/follow";
import { type Column, isSortable, title } from "../runs/columns";
import type { Sort } from "../runs/sort";
import { type ColumnLayout, LEAST_WIDTH } from "./columnLayout";

const STEP = 16;
// Pixels after which a press is a drag, and no click.
const DRAGGED = 6;

export function TableHead(props: {
  column: Column;
  /** What it is called, if that is not the name of the column. */
  called?: string;
  /** What stands before the names of runs: so it is their head, which stays where it is. */
  children?: JSX.Element;
  index: number;
  width: number;
  isNumber: boolean;
  layout: ColumnLayout;
  /** Whether it can be moved and made wider. */
  isFixed: boolean;
  sort: Sort | undefined;
  setSort: (sort: Sort | undefined) => void;
}) {
  let cell!: HTMLDivElement;
  const [target, setTarget] = createSignal<HTMLElement>();
  let wasDragged = false;
  const isName = () => props.column === "run_name";
  const isPinned = () => props.layout.isPinned(props.column);
  const place = () => props.layout.order().indexOf(props.column);
  const direction = () =>
    props.sort?.column === props.column
      ? props.sort.descending
        ? "descending"
        : "ascending"
      : "none";
  // Up, down, and back to no order.
  const turn = () => {
    if (direction() === "none") return { column: props.column, descending: false };
    return direction() === "ascending" ? { column: props.column, descending: true } : undefined;
  };
  const onKey = (event: KeyboardEvent) => {
    if (props.isFixed) return;
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const { column, layout } = props;
    if (isName() && !event.altKey) return;
    if (step && event.altKey) layout.resize(column, props.width + step * STEP);
    else if (step && event.shiftKey) layout.move(column, place() + step);
    else if (event.key === "p" && !event.ctrlKey && !event.metaKey) layout.pin(column);
    else return;
    // A head that moved was made anew at its place.
    if (!isName()) requestAnimationFrame(() => headOf(column)?.querySelector("button")?.focus());
    event.preventDefault();
    event.stopPropagation();
  };

  const widen = (start: Press) => {
    const { column, width } = props;
    let to = width;
    follow(
      start,
      (event) => {
        to = width + event.clientX - start.clientX;
        props.layout.resize(column, to, true);
      },
      (wasTaken) => props.layout.resize(column, wasTaken ? width : to),
    );
    start.preventDefault();
    start.stopPropagation();
  };
  const drag = (start: Press) => {
    wasDragged = false;
    if (props.isFixed || isName() || start.button || start.pointerType === "touch") return;
    const { column } = props;
    const mark = (head: HTMLElement | undefined) => {
      target()?.classList.remove("drop");
      setTarget(head);
      head?.classList.add("drop");
    };
    follow(
      start,
      (event) => {
        if (Math.abs(event.clientX - start.clientX) > DRAGGED) wasDragged = true;
        if (!wasDragged) return;
        const over = document.elementFromPoint(event.clientX, event.clientY);
        const head = over?.closest<HTMLElement>("[data-column]") ?? undefined;
        mark(head && head !== cell ? head : undefined);
      },
      (wasTaken) => {
        const to = props.layout.order().indexOf(target()?.dataset.column ?? "");
        mark(undefined);
        if (wasDragged && !wasTaken && to >= 0) props.layout.move(column, to);
      },
    );
    start.preventDefault();
  };

  return (
    <div
      ref={cell}
      class="cell"
      classList={{ name: isName(), number: props.isNumber, pinned: isPinned() }}
      role="columnheader"
      aria-label={props.called ?? title(props.column)}
      aria-sort={direction()}
      aria-colindex={props.index + 2}
      data-column={isName() ? undefined : props.column}
      style={{
        width: isName() ? undefined : `${props.width}px`,
        left: isPinned()
          ? `calc(var(--name-width) + ${props.layout.pinnedAt(props.column)}px)`
          : undefined,
      }}
      onKeyDown={onKey}
    >
      {props.children}
      <button
        type="button"
        title={`${props.column}${props.isFixed ? "" : "\nDrag to move; Shift + ← → moves, Alt + ← → sizes, P pins"}`}
        disabled={!isSortable(props.column)}
        onPointerDown={drag}
        onClick={() => !wasDragged && props.setSort(turn())}
      >
        <span class="title">{props.called ?? title(props.column)}</span>
        <span aria-hidden="true">
          {direction() === "ascending" ? "↑" : direction() === "descending" ? "↓" : ""}
        </span>
      </button>
      <Show when={!props.isFixed && !isName()}>
        <button
          type="button"
          class="pin quiet"
          classList={{ on: isPinned() }}
          tabindex="-1"
          aria-pressed={isPinned()}
          aria-label={`Pin ${title(props.column)}`}
          title={isPinned() ? "Let it scroll" : "Keep it in sight"}
          onClick={() => props.layout.pin(props.column)}
        >
          <svg viewBox="0 0 16 16" fill="currentColor" aria-hidden="true">
            <path d="M5 1h6v1.5l-1 .7V7l2.5 2v1.3H8.7V15h-1.4v-4.7H3.5V9L6 7V3.2l-1-.7z" />
          </svg>
        </button>
      </Show>
      <Show when={!props.isFixed}>
        <Edge {...props} widen={widen} />
      </Show>
    </div>
  );
}

/** The right edge of a head. */
function Edge(props: {
  column: Column;
  width: number;
  layout: ColumnLayout;
  widen: (event: Press) => void;
}) {
  return (
    <div
      class="edge"
      role="separator"
      aria-orientation="vertical"
      aria-label={`Width of ${title(props.column)}`}
      aria-valuenow={props.width}
      aria-valuemin={LEAST_WIDTH}
      title="Drag to size; double click for the width by itself"
      onPointerDown={(event) => props.widen(event)}
      onDblClick={() => props.layout.fit(props.column)}
    />
  );
}

function headOf(column: Column): HTMLElement | null {
  return document.querySelector(`.grid [data-column=${CSS.escape(column)}]`);
}
