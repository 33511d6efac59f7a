// The table of runs: as many rows and columns as there are, of which only those in sight are made.

import { useNavigate } from "@solidjs/router";
import { createVirtualizer } from "@tanstack/solid-virtual";
import {
  createEffect,
  createMemo,
  createSignal,
  For,
  Index,
  on,
  onCleanup,
  onMount,
  Show,
} from "solid-js";
import type { Run } from "../api/runs";
import { useText } from "../parts/address";
import { keepPlace } from "../parts/places";
import { type Column, numericColumns, title, value } from "../runs/columns";
import { conditionOf } from "../runs/conditions";
import { isGroup, type Line, type Row, type RunList } from "../runs/runList";
import type { Sort } from "../runs/sort";
import type { VisibleRuns } from "../runs/visibleRuns";
import { createColumnLayout } from "./columnLayout";
import { withCondition } from "./filterText";
import { GroupCell, GroupName } from "./GroupCells";
import { RunCell, RunName } from "./RunCells";
import { createRowSelection } from "./rowSelection";
import { SelectAll } from "./SelectAll";
import { TableHead } from "./TableHead";
import "../style/table.css";

const ROW = 32;

export function RunsTable(props: {
  list: RunList;
  columns: Column[];
  /** Of every column; as wide as what it has, if it is not given. */
  columnWidth: number | undefined;
  /** Whether there is room for a name and little else. */
  narrow: boolean;
  /** None where no charts are beside it. */
  visible: VisibleRuns | undefined;
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
  const [room, setRoom] = createSignal(innerWidth);
  const lines = () => props.list.rows();
  const count = () => lines().length;
  const layout = createColumnLayout(
    () => props.columns,
    () => props.narrow,
  );
  const width = (column: Column) => props.columnWidth ?? layout.width(column);
  const numeric = createMemo(() => numericColumns(props.columns, props.list.lines()));
  const selection = createRowSelection(props);
  // Before the rows: to read where it is after they changed would lay the page out once more.
  const cells = createVirtualizer({
    horizontal: true,
    get count() {
      return layout.others().length;
    },
    getScrollElement: () => grid,
    estimateSize: (index) => width(layout.others()[index] ?? ""),
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
  createEffect(on([layout.others, () => layout.others().map(width).join()], () => cells.measure()));
  // A run that was pointed out in a chart is brought into sight.
  createEffect(
    on(
      () => props.pointed,
      (id) => {
        const index = id ? lines().findIndex((line) => idOf(line) === id) : -1;
        if (index >= 0) move(index);
      },
    ),
  );
  createEffect(() => {
    const seen = rows.getVirtualItems();
    props.list.need(seen[0]?.index ?? 0, seen.at(-1)?.index ?? 0);
  });
  onMount(() => {
    const size = new ResizeObserver(() => setRoom(grid.clientWidth));
    size.observe(grid);
    onCleanup(() => size.disconnect());
    keepPlace(grid, "runs", {
      save: () => ({ unfolded: props.list.unfolded(), active: idOf(lines()[active()]) }),
      restore: ({ unfolded, active }) => {
        const isUnfolded = props.list.unfold(unfolded);
        const index = lines().findIndex((line) => !!active && idOf(line) === active);
        if (index >= 0) setActive(index);
        return isUnfolded && (index >= 0 || !active);
      },
    });
  });

  const runLine = (index: number): Line | undefined => {
    const line = lines()[index];
    return isGroup(line) ? undefined : line;
  };
  const groupLine = (index: number) => {
    const line = lines()[index];
    return isGroup(line) ? line.group : undefined;
  };
  const isUnfolded = (index: number) => {
    const group = groupLine(index);
    if (group) return props.list.isGroupUnfolded(group);
    const run = runLine(index)?.run;
    return !!run && props.list.isUnfolded(run);
  };
  // Without arrows, names need no room for them.
  const hasArrows = createMemo(() => props.list.lines().some((line) => line.children));
  const canUnfold = (index: number) => !!(groupLine(index) ?? runLine(index)?.children);
  const toggle = (index: number) => {
    const group = groupLine(index);
    const run = runLine(index)?.run;
    if (group) props.list.toggleGroup(group);
    else if (run) props.list.toggle(run);
  };
  const open = (run: Run) => navigate(`/experiments/${run.experimentId}/runs/${run.id}`);
  const move = (to: number) => {
    setActive(Math.max(0, Math.min(count() - 1, to)));
    rows.scrollToIndex(active());
  };
  const enter = () => {
    const run = runLine(active())?.run;
    if (run) open(run);
    else toggle(active());
  };
  /** Alt and a click on a cell filter by its value. */
  const onClick = (event: MouseEvent) => {
    const cell = (event.target as HTMLElement).closest<HTMLElement>(".row [role=gridcell]");
    const run = runLine(Number(cell?.parentElement?.ariaRowIndex) - 2)?.run;
    if (!event.altKey || !cell || !run) return;
    event.preventDefault();
    const column = layout.order()[Number(cell.ariaColIndex) - 2] ?? "run_name";
    const condition = conditionOf(column, value(run, column));
    if (condition) setFilter(withCondition(filter(), condition));
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.target !== grid) return;
    const page = Math.floor(grid.clientHeight / ROW) - 2;
    const keys: Record<string, () => void> = {
      ArrowDown: () => move(active() + 1),
      ArrowUp: () => move(active() - 1),
      PageDown: () => move(active() + page),
      PageUp: () => move(active() - page),
      Home: () => move(0),
      End: () => move(count() - 1),
      e: () => {
        const id = idOf(lines()[active()]);
        if (id) props.visible?.toggle(id);
      },
      " ": () => selection.pick(active(), event.shiftKey),
      Enter: enter,
      ArrowRight: () => canUnfold(active()) && !isUnfolded(active()) && toggle(active()),
      ArrowLeft: () => isUnfolded(active()) && toggle(active()),
    };
    const action = keys[event.key];
    if (!action || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    action();
  };
  const groupHead = () =>
    props.narrow ? props.list.groups().map(title).join(", ") || "Group" : "Group";
  const head = (column: Column, index: number) => (
    <TableHead
      column={column}
      index={index}
      width={width(column)}
      isNumber={numeric().has(column)}
      layout={layout}
      isFixed={props.narrow}
      sort={props.sort}
      setSort={props.setSort}
    />
  );
  const cell = (row: number, column: Column, index: number) => (
    <div
      class="cell"
      classList={{ number: numeric().has(column), pinned: layout.isPinned(column) }}
      role="gridcell"
      aria-colindex={index + 2}
      style={{
        width: `${width(column)}px`,
        left: layout.isPinned(column)
          ? `calc(var(--name-width) + ${layout.pinnedAt(column)}px)`
          : undefined,
      }}
    >
      <Show when={runLine(row)}>{(line) => <RunCell run={line().run} column={column} />}</Show>
      <Show when={groupLine(row)}>
        {(group) => (
          <GroupCell group={group()} column={column} statistic={props.list.statistic()} />
        )}
      </Show>
    </div>
  );
  /** The cells of a row: those that stay, and of the others those that are in sight. */
  const row = (one: (column: Column, index: number) => unknown) => (
    <>
      <For each={layout.pinned()}>{(column, i) => <>{one(column, i())}</>}</For>
      <div
        class="spacer"
        role="presentation"
        style={{ width: `${cells.getVirtualItems()[0]?.start ?? 0}px` }}
      />
      <For each={cells.getVirtualItems()}>
        {(item) => (
          <>{one(layout.others()[item.index] ?? "", layout.pinned().length + item.index)}</>
        )}
      </For>
    </>
  );

  return (
    <div
      ref={grid}
      class="grid"
      role="treegrid"
      aria-label="Runs"
      aria-rowcount={count() + 1}
      aria-colcount={props.columns.length + 1}
      aria-multiselectable="true"
      aria-activedescendant={`line-${active()}`}
      aria-busy={props.list.loading()}
      tabindex="0"
      style={{ "--name-width": props.narrow ? undefined : `${layout.nameWidth(room())}px` }}
      onKeyDown={onKey}
      onClick={onClick}
      onPointerOver={tellWhole}
    >
      <div
        class="canvas"
        role="presentation"
        style={{
          height: `${rows.getTotalSize() + ROW}px`,
          width: `calc(var(--name-width) + ${layout.pinnedWidth() + cells.getTotalSize()}px)`,
        }}
      >
        <div class="head" role="row" aria-rowindex={1}>
          <TableHead
            column="run_name"
            {...(props.list.isGrouped() && { called: groupHead() })}
            index={-1}
            width={layout.nameWidth(room())}
            isNumber={false}
            layout={layout}
            isFixed={props.narrow}
            sort={props.sort}
            setSort={props.setSort}
          >
            <SelectAll
              total={props.list.total()}
              selected={props.selected.size}
              select={selection.selectAll}
            />
          </TableHead>
          {row(head)}
        </div>
        {/* A line that leaves the view is used again for one that comes: scrolling makes nothing. */}
        <Index each={rows.getVirtualItems()}>
          {(item) => {
            const index = () => item().index;
            const selected = () => selection.isSelected(index());
            return (
              <div
                class="row"
                id={`line-${index()}`}
                role="row"
                aria-rowindex={index() + 2}
                aria-level={(lines()[index()]?.depth ?? 0) + 1}
                aria-selected={selected()}
                aria-expanded={canUnfold(index()) ? isUnfolded(index()) : undefined}
                classList={{
                  active: active() === index(),
                  selected: selected(),
                  pointed: !!props.pointed && props.pointed === idOf(lines()[index()]),
                  grouped: !!groupLine(index()),
                }}
                style={{ transform: `translateY(${item().start - ROW}px)` }}
                onMouseDown={() => setActive(index())}
              >
                <Show
                  when={lines()[index()]}
                  fallback={
                    <div class="cell name waiting" role="gridcell">
                      Loading…
                    </div>
                  }
                >
                  <Show when={runLine(index())}>
                    {(line) => (
                      <RunName
                        line={line()}
                        selected={selected()}
                        unfolded={isUnfolded(index())}
                        toggle={() => toggle(index())}
                        pick={(range) => selection.pick(index(), range)}
                        visible={props.visible}
                        narrow={props.narrow}
                        hasArrows={hasArrows()}
                      />
                    )}
                  </Show>
                  <Show when={groupLine(index())}>
                    {(group) => (
                      <GroupName
                        group={group()}
                        by={props.list.groups()}
                        narrow={props.narrow}
                        selected={selection.stateOf(group())}
                        unfolded={isUnfolded(index())}
                        toggle={() => toggle(index())}
                        pick={() => selection.pick(index(), false)}
                        visible={props.visible}
                      />
                    )}
                  </Show>
                  {row((column, place) => cell(index(), column, place))}
                </Show>
              </div>
            );
          }}
        </Index>
      </div>
    </div>
  );
}

/** Returns the id of the run or group of a row. */
function idOf(row: Row): string | undefined {
  return isGroup(row) ? row.group.id : row?.run.id;
}

/** What does not fit into a cell is told by it when the pointer is over it. */
function tellWhole(event: PointerEvent): void {
  const cell = (event.target as HTMLElement).closest<HTMLElement>(".row .cell");
  if (cell) cell.title = cell.innerText;
}
