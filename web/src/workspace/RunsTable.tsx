// The table of runs: as many rows and columns as there are, of which only those in sight are made.

import { useNavigate } from "@solidjs/router";
import { createVirtualizer } from "@tanstack/solid-virtual";
import { createEffect, createMemo, createSignal, For, Index, on, Show } from "solid-js";
import type { Run } from "../api/runs";
import { useText } from "../parts/address";
import { counted } from "../parts/format";
import { StatusMark } from "../parts/StatusMark";
import { type Column, isNumeric, isSortable, text, title, value } from "../runs/columns";
import type { Line, RunList } from "../runs/runList";
import type { Sort } from "../runs/sort";
import type { VisibleRuns } from "../runs/visibleRuns";
import { EyeButton } from "./EyeButton";
import { conditionOf, withCondition } from "./filterText";
import "../style/table.css";

const ROW = 32;
const WIDTHS: Record<Column, number> = { start_time: 176, end_time: 176, run_id: 270, status: 110 };
const WIDTH = 128;

export function RunsTable(props: {
  list: RunList;
  columns: Column[];
  /** Of every column; as wide as what it has, if it is not given. */
  columnWidth: number | undefined;
  /** Whether there is room for a name and little else. */
  narrow: boolean;
  visible: VisibleRuns;
  /** A run that somebody pointed at in a chart: it is brought into sight. */
  pointed: string;
  sort: Sort | undefined;
  setSort: (sort: Sort | undefined) => void;
  selected: Set<string>;
  select: (ids: string[], on: boolean) => void;
}) {
  let grid!: HTMLDivElement;
  const navigate = useNavigate();
  const [filter, setFilter] = useText("filter");
  const [active, setActive] = createSignal(0);
  let anchor = 0;
  const lines = () => props.list.lines();
  const columns = () => props.columns;
  // Lines that are not read yet have their place, too.
  const count = createMemo(() => Math.max(lines().length, props.list.total() ?? 0));
  // Before the rows: to read where it is after they changed would lay the page out once more.
  const cells = createVirtualizer({
    horizontal: true,
    get count() {
      return columns().length;
    },
    getScrollElement: () => grid,
    estimateSize: (index) => props.columnWidth ?? WIDTHS[columns()[index] ?? ""] ?? WIDTH,
    overscan: 2,
  });
  const rows = createVirtualizer({
    get count() {
      return count();
    },
    getScrollElement: () => grid,
    estimateSize: () => ROW,
    overscan: 6,
    scrollMargin: ROW,
    scrollPaddingStart: ROW,
    scrollPaddingEnd: ROW,
  });
  createEffect(on([columns, () => props.columnWidth], () => cells.measure()));
  // A run that was pointed out in a chart is brought into sight.
  createEffect(
    on(
      () => props.pointed,
      (id) => {
        const index = id ? lines().findIndex((line) => line.run.id === id) : -1;
        if (index >= 0) move(index);
      },
    ),
  );
  createEffect(() => props.list.need(rows.getVirtualItems().at(-1)?.index ?? 0));

  const unfolded = (line: Line | undefined) => !!line && props.list.isUnfolded(line.run);
  const open = (run: Run) => navigate(`/experiments/${run.experimentId}/runs/${run.id}`);
  const move = (to: number) => {
    setActive(Math.max(0, Math.min(count() - 1, to)));
    rows.scrollToIndex(active());
  };
  const pick = (index: number, range: boolean) => {
    const line = lines()[index];
    if (!line) return;
    const ids = range
      ? lines()
          .slice(Math.min(anchor, index), Math.max(anchor, index) + 1)
          .map((l) => l.run.id)
      : [line.run.id];
    props.select(ids, range || !props.selected.has(line.run.id));
    anchor = index;
  };
  /** Alt and a click on a cell filter by its value. */
  const onClick = (event: MouseEvent) => {
    const cell = (event.target as HTMLElement).closest<HTMLElement>(".row [role=gridcell]");
    const run = lines()[Number(cell?.parentElement?.ariaRowIndex) - 2]?.run;
    if (!event.altKey || !cell || !run) return;
    event.preventDefault();
    const column = columns()[Number(cell.ariaColIndex) - 2] ?? "run_name";
    const condition = conditionOf(column, value(run, column));
    if (condition) setFilter(withCondition(filter(), condition));
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.target !== grid) return;
    const line = lines()[active()];
    const page = Math.floor(grid.clientHeight / ROW) - 2;
    const keys: Record<string, () => void> = {
      ArrowDown: () => move(active() + 1),
      ArrowUp: () => move(active() - 1),
      PageDown: () => move(active() + page),
      PageUp: () => move(active() - page),
      Home: () => move(0),
      End: () => move(count() - 1),
      " ": () => pick(active(), event.shiftKey),
      Enter: () => line && open(line.run),
      ArrowRight: () =>
        line?.children && !props.list.isUnfolded(line.run) && props.list.toggle(line.run),
      ArrowLeft: () => line && props.list.isUnfolded(line.run) && props.list.toggle(line.run),
    };
    const action = keys[event.key];
    if (!action || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    action();
  };

  return (
    <div
      ref={grid}
      class="grid"
      role="treegrid"
      aria-label="Runs"
      aria-rowcount={count() + 1}
      aria-colcount={columns().length + 1}
      aria-multiselectable="true"
      aria-activedescendant={`line-${active()}`}
      aria-busy={props.list.loading()}
      tabindex="0"
      onKeyDown={onKey}
      onClick={onClick}
      onPointerOver={tellWhole}
    >
      <div
        class="canvas"
        role="presentation"
        style={{
          height: `${rows.getTotalSize() + ROW}px`,
          width: `calc(var(--name-width) + ${cells.getTotalSize()}px)`,
        }}
      >
        <div class="head" role="row" aria-rowindex={1}>
          <Head column="run_name" sort={props.sort} setSort={props.setSort} first />
          <Spacer width={cells.getVirtualItems()[0]?.start ?? 0} />
          <For each={cells.getVirtualItems()}>
            {(cell) => (
              <Head
                column={columns()[cell.index] ?? ""}
                index={cell.index}
                width={cell.size}
                sort={props.sort}
                setSort={props.setSort}
              />
            )}
          </For>
        </div>
        {/* A line that leaves the view is used again for one that comes: scrolling makes nothing. */}
        <Index each={rows.getVirtualItems()}>
          {(row) => {
            const line = () => lines()[row().index];
            const selected = () => props.selected.has(line()?.run.id ?? "");
            return (
              <div
                class="row"
                id={`line-${row().index}`}
                role="row"
                aria-rowindex={row().index + 2}
                aria-level={(line()?.depth ?? 0) + 1}
                aria-selected={selected()}
                aria-expanded={line()?.children ? unfolded(line()) : undefined}
                classList={{
                  active: active() === row().index,
                  selected: selected(),
                  pointed: !!line() && props.pointed === line()?.run.id,
                }}
                style={{ transform: `translateY(${row().start - ROW}px)` }}
                onMouseDown={() => setActive(row().index)}
              >
                <Show
                  when={line()}
                  fallback={
                    <div class="cell name waiting" role="gridcell">
                      Loading…
                    </div>
                  }
                >
                  {(there) => (
                    <>
                      <Name
                        line={there()}
                        selected={selected()}
                        unfolded={unfolded(there())}
                        toggle={() => props.list.toggle(there().run)}
                        pick={(range) => pick(row().index, range)}
                        visible={props.visible}
                        narrow={props.narrow}
                      />
                      <Spacer width={cells.getVirtualItems()[0]?.start ?? 0} />
                      <For each={cells.getVirtualItems()}>
                        {(cell) => (
                          <Cell
                            run={there().run}
                            column={columns()[cell.index] ?? ""}
                            index={cell.index}
                            width={cell.size}
                          />
                        )}
                      </For>
                    </>
                  )}
                </Show>
              </div>
            );
          }}
        </Index>
      </div>
    </div>
  );
}

/** What does not fit into a cell is told by it when the pointer is over it. */
function tellWhole(event: PointerEvent): void {
  const cell = (event.target as HTMLElement).closest<HTMLElement>(".row .cell");
  if (cell) cell.title = cell.innerText;
}

function Spacer(props: { width: number }) {
  return <div class="spacer" role="presentation" style={{ width: `${props.width}px` }} />;
}

function Head(props: {
  column: Column;
  index?: number;
  width?: number;
  first?: boolean;
  sort: Sort | undefined;
  setSort: (sort: Sort | undefined) => void;
}) {
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
  return (
    <div
      class="cell"
      classList={{ name: props.first ?? false, number: isNumeric(props.column) }}
      role="columnheader"
      aria-sort={direction()}
      aria-colindex={(props.index ?? -1) + 2}
      style={{ width: props.width ? `${props.width}px` : undefined }}
    >
      <button
        type="button"
        title={props.column}
        disabled={!isSortable(props.column)}
        onClick={() => props.setSort(turn())}
      >
        <span class="title">{title(props.column)}</span>
        <span aria-hidden="true">
          {direction() === "ascending" ? "↑" : direction() === "descending" ? "↓" : ""}
        </span>
      </button>
    </div>
  );
}

function Name(props: {
  line: Line;
  selected: boolean;
  unfolded: boolean;
  toggle: () => void;
  pick: (range: boolean) => void;
  visible: VisibleRuns;
  narrow: boolean;
}) {
  const isDrawn = () => props.visible.has(run().id);
  const run = () => props.line.run;
  return (
    <div class="cell name" role="gridcell" aria-colindex={1}>
      <input
        type="checkbox"
        tabindex="-1"
        aria-label={`Select ${run().name}`}
        checked={props.selected}
        onClick={(event) => {
          if (event.shiftKey) event.currentTarget.checked = true; // a range is always selected
          props.pick(event.shiftKey);
        }}
      />
      <EyeButton
        id={run().id}
        name={run().name}
        isOpen={isDrawn()}
        toggle={() => props.visible.toggle(run().id)}
      />
      <span class="indent" style={{ width: `${props.line.depth * 16}px` }} />
      <Show when={props.line.children} fallback={<span class="twisty" />}>
        <button
          type="button"
          class="twisty quiet"
          tabindex="-1"
          aria-label={`${props.unfolded ? "Fold" : "Unfold"} ${counted(props.line.children, "child run")}`}
          onClick={() => props.toggle()}
        >
          {props.unfolded ? "▾" : "▸"}
        </button>
      </Show>
      <Show when={props.narrow}>
        <StatusMark status={run().status} brief />
      </Show>
      <a href={`#/experiments/${run().experimentId}/runs/${run().id}`} tabindex="-1">
        {run().name}
      </a>
    </div>
  );
}

function Cell(props: { run: Run; column: Column; index: number; width: number }) {
  return (
    <div
      class="cell"
      classList={{ number: isNumeric(props.column) }}
      role="gridcell"
      aria-colindex={props.index + 2}
      style={{ width: `${props.width}px` }}
    >
      {props.column === "status" ? (
        <StatusMark status={props.run.status} />
      ) : (
        text(props.run, props.column)
      )}
    </div>
  );
}
