// The table of runs: as many rows and columns as there are, of which only those in sight are made.

import { useNavigate } from "@solidjs/router";
import { createVirtualizer } from "@tanstack/solid-virtual";
import { createEffect, createMemo, createSignal, Index, on, onCleanup, onMount } from "solid-js";
import { useText } from "../parts/address";
import { fontSize } from "../parts/fontScale";
import { keepPlace } from "../parts/places";
import { type Column, numericColumns, title, value } from "../runs/columns";
import { conditionOf } from "../runs/conditions";
import { canUnfold, idOf, isLine, type Row } from "../runs/rows";
import type { RunList } from "../runs/runList";
import type { Sort } from "../runs/sort";
import type { VisibleRuns } from "../runs/visibleRuns";
import { ColumnsInSight } from "./ColumnsInSight";
import { createColumnLayout } from "./columnLayout";
import { withCondition } from "./filterText";
import { createRowSelection } from "./rowSelection";
import { createRowSlots } from "./rowSlots";
import { SelectAll } from "./SelectAll";
import { TableCell } from "./TableCell";
import { TableHead } from "./TableHead";
import { TableRow } from "./TableRow";
import { onTableKey, type TableActions } from "./tableKeys";
import "../style/table.css";

const ROW = 32;
// Rows that are made above and below those in sight.
const OVERSCAN = 6;

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
  const rowAt = (index: number): Row => props.list.rows()[index];
  const find = (id: string) => props.list.rows().findIndex((row) => idOf(row) === id);
  const count = createMemo(() => props.list.rows().length);
  const layout = createColumnLayout(
    () => props.columns,
    () => props.narrow,
  );
  const widths = createMemo(
    () =>
      new Map(props.columns.map((column) => [column, props.columnWidth ?? layout.width(column)])),
  );
  const width = (column: Column) => widths().get(column) ?? 0;
  const numeric = createMemo(
    () => numericColumns(props.columns, props.list.lines()),
    new Set<Column>(),
    { equals: (a, b) => [...a].join() === [...b].join() },
  );
  // It grows with the page.
  const em = createMemo(on(room, fontSize));
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
  const slots = createRowSlots(
    () => Math.ceil((rows.scrollRect?.height ?? 0) / ROW) + 1 + 2 * OVERSCAN,
    () => rows.isScrolling,
  );
  const rows = createVirtualizer({
    get count() {
      return count();
    },
    get rangeExtractor() {
      return slots.extractor();
    },
    getScrollElement: () => grid,
    estimateSize: () => ROW,
    overscan: OVERSCAN,
    scrollMargin: ROW,
    scrollPaddingStart: ROW,
    scrollPaddingEnd: ROW,
    onChange: slots.changed,
  });
  createEffect(on([layout.others, () => layout.others().map(width).join()], () => cells.measure()));
  // A run that was pointed out in a chart is brought into sight.
  createEffect(
    on(
      () => props.pointed,
      (id) => {
        const index = id ? find(id) : -1;
        if (index >= 0) move(index);
      },
    ),
  );
  createEffect(() => {
    const seen = rows.getVirtualItems().map((item) => item.index);
    if (seen.length) props.list.need(Math.min(...seen), Math.max(...seen));
  });
  onMount(() => {
    const size = new ResizeObserver(() => setRoom(grid.clientWidth));
    size.observe(grid);
    onCleanup(() => size.disconnect());
    keepPlace(grid, "runs", {
      save: () => ({ unfolded: props.list.unfolded(), active: idOf(rowAt(active())) }),
      restore: ({ unfolded, active }) => {
        const isUnfolded = props.list.unfold(unfolded);
        const index = active ? find(active) : -1;
        if (index >= 0) setActive(index);
        return isUnfolded && (index >= 0 || !active);
      },
    });
  });

  // Without arrows, names need no room for them.
  const hasArrows = createMemo(() => props.list.lines().some((line) => line.children));
  const move = (to: number) => {
    setActive(Math.max(0, Math.min(count() - 1, to)));
    rows.scrollToIndex(active());
  };
  const actions: TableActions = {
    active,
    count,
    inSight: () => Math.floor(grid.clientHeight / ROW),
    move,
    draw: (index) => {
      const id = idOf(rowAt(index));
      if (id) props.visible?.toggle(id);
    },
    select: selection.pick,
    open: (index) => {
      const row = rowAt(index);
      if (isLine(row)) navigate(`/experiments/${row.run.experimentId}/runs/${row.run.id}`);
      else props.list.toggle(row);
    },
    unfold: (index, on) => {
      const row = rowAt(index);
      if (canUnfold(row) && props.list.isUnfolded(row) !== on) props.list.toggle(row);
    },
  };
  /** Alt and a click on a cell filter by its value. */
  const onClick = (event: MouseEvent) => {
    const cell = (event.target as HTMLElement).closest<HTMLElement>(".row [role=gridcell]");
    const row = rowAt(Number(cell?.parentElement?.ariaRowIndex) - 2);
    if (!event.altKey || !cell || !isLine(row)) return;
    event.preventDefault();
    const column = layout.order()[Number(cell.ariaColIndex) - 2] ?? "run_name";
    const condition = conditionOf(column, value(row.run, column));
    if (condition) setFilter(withCondition(filter(), condition));
  };
  const groupHead = () =>
    props.narrow ? props.list.groups().map(title).join(", ") || "Group" : "Group";

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
      onKeyDown={(event) => event.target === grid && onTableKey(event, actions)}
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
          <ColumnsInSight layout={layout} items={cells.getVirtualItems()}>
            {(column, index) => (
              <TableHead
                column={column()}
                index={index()}
                width={width(column())}
                isNumber={numeric().has(column())}
                layout={layout}
                isFixed={props.narrow}
                sort={props.sort}
                setSort={props.setSort}
              />
            )}
          </ColumnsInSight>
        </div>
        <Index each={rows.getVirtualItems()}>
          {(item) => (
            <TableRow
              list={props.list}
              index={item().index}
              top={item().start - ROW}
              selection={selection}
              active={active() === item().index}
              activate={() => setActive(item().index)}
              pointed={props.pointed}
              narrow={props.narrow}
              visible={props.visible}
              hasArrows={hasArrows()}
              cells={(row) => (
                <ColumnsInSight layout={layout} items={cells.getVirtualItems()}>
                  {(column, index) => (
                    <TableCell
                      row={row()}
                      column={column()}
                      index={index()}
                      width={width(column())}
                      em={em()}
                      isNumber={numeric().has(column())}
                      layout={layout}
                      statistic={props.list.statistic()}
                    />
                  )}
                </ColumnsInSight>
              )}
            />
          )}
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
