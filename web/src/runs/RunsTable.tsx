// The table of runs: as many rows and columns as there are, of which only those in sight are made.

import { A, useNavigate } from "@solidjs/router";
import { createVirtualizer } from "@tanstack/solid-virtual";
import { createEffect, createMemo, createSignal, For, on, Show } from "solid-js";
import type { Run } from "../api/runs";
import { StatusMark } from "../parts/StatusMark";
import { type Column, isNumeric, text, title } from "./columns";
import type { Line, RunList } from "./runList";
import "../style/table.css";

const ROW = 32;
const WIDTHS: Record<Column, number> = { start_time: 176, end_time: 176, run_id: 270, status: 110 };
const WIDTH = 128;

export interface Sort {
  column: Column;
  descending: boolean;
}

export function RunsTable(props: {
  list: RunList;
  sort: Sort | undefined;
  setSort: (sort: Sort | undefined) => void;
  selected: Set<string>;
  select: (ids: string[], on: boolean) => void;
}) {
  let grid!: HTMLDivElement;
  const navigate = useNavigate();
  const [active, setActive] = createSignal(0);
  let anchor = 0;
  const lines = () => props.list.lines();
  const columns = () => props.list.columns();
  // Lines that are not read yet have their place, too.
  const count = createMemo(() => Math.max(lines().length, props.list.total() ?? 0));
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
  const cells = createVirtualizer({
    horizontal: true,
    get count() {
      return columns().length;
    },
    getScrollElement: () => grid,
    estimateSize: (index) => WIDTHS[columns()[index] ?? ""] ?? WIDTH,
    overscan: 2,
  });
  createEffect(on(columns, () => cells.measure()));
  createEffect(() => props.list.need(rows.getVirtualItems().at(-1)?.index ?? 0));

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
        <For each={rows.getVirtualItems()}>
          {(row) => (
            <div
              class="row"
              id={`line-${row.index}`}
              role="row"
              aria-rowindex={row.index + 2}
              aria-level={(lines()[row.index]?.depth ?? 0) + 1}
              aria-selected={props.selected.has(lines()[row.index]?.run.id ?? "")}
              {...expanded(props.list, lines()[row.index])}
              classList={{
                active: active() === row.index,
                selected: props.selected.has(lines()[row.index]?.run.id ?? ""),
              }}
              style={{ transform: `translateY(${row.start - ROW}px)` }}
              onMouseDown={() => setActive(row.index)}
            >
              <Show
                when={lines()[row.index]}
                fallback={
                  <div class="cell name waiting" role="gridcell">
                    Loading…
                  </div>
                }
              >
                {(line) => (
                  <>
                    <Name
                      line={line()}
                      selected={props.selected.has(line().run.id)}
                      unfolded={props.list.isUnfolded(line().run)}
                      toggle={() => props.list.toggle(line().run)}
                      pick={(range) => pick(row.index, range)}
                    />
                    <Spacer width={cells.getVirtualItems()[0]?.start ?? 0} />
                    <For each={cells.getVirtualItems()}>
                      {(cell) => (
                        <Cell
                          run={line().run}
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
          )}
        </For>
      </div>
    </div>
  );
}

function expanded(list: RunList, line: Line | undefined) {
  return line?.children ? { "aria-expanded": list.isUnfolded(line.run) } : {};
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
      <button type="button" title={props.column} onClick={() => props.setSort(turn())}>
        <span class="title">{title(props.column)}</span>
        <span aria-hidden="true">
          {direction() === "ascending" ? " ↑" : direction() === "descending" ? " ↓" : ""}
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
}) {
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
      <span class="indent" style={{ width: `${props.line.depth * 16}px` }} />
      <Show when={props.line.children} fallback={<span class="twisty" />}>
        <button
          type="button"
          class="twisty quiet"
          tabindex="-1"
          aria-label={`${props.unfolded ? "Fold" : "Unfold"} ${props.line.children} child runs`}
          onClick={() => props.toggle()}
        >
          {props.unfolded ? "▾" : "▸"}
        </button>
      </Show>
      <A
        href={`/experiments/${run().experimentId}/runs/${run().id}`}
        tabindex="-1"
        title={run().name}
      >
        {run().name}
      </A>
    </div>
  );
}

function Cell(props: { run: Run; column: Column; index: number; width: number }) {
  const shown = () => text(props.run, props.column);
  return (
    <div
      class="cell"
      classList={{ number: isNumeric(props.column) }}
      role="gridcell"
      aria-colindex={props.index + 2}
      title={shown()}
      style={{ width: `${props.width}px` }}
    >
      <Show when={props.column === "status"} fallback={shown()}>
        <StatusMark status={props.run.status} />
      </Show>
    </div>
  );
}
