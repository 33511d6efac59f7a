// A table of any length: it is sorted and filtered by a worker, and the rows in sight are made.

import { createVirtualizer } from "@tanstack/solid-virtual";
import { createEffect, createSignal, For, Show } from "solid-js";
import { ErrorNote } from "../parts/ErrorNote";
import { count, counted } from "../parts/format";
import type { TableColumn, TableFilter, TableHead } from "../render/fileQuestions";
import type { OpenFile } from "../render/openFile";
import { createTableRows, type Sort } from "./tableRows";

const ROW = 28; // as in files.css
// A browser's scroll bar reaches no further.
const MOST_ROWS = 1_000_000;

export default function DataTable(props: {
  name: string;
  head: TableHead;
  file: OpenFile;
  isSmall?: boolean | undefined;
}) {
  let region!: HTMLDivElement;
  const [sort, setSort] = createSignal<Sort>();
  const [filter, setFilter] = createSignal<TableFilter>();
  const table = createTableRows(props.file, props.head, sort, filter);
  const shownRows = () => Math.min(table.found(), MOST_ROWS);
  const rows = createVirtualizer({
    get count() {
      return shownRows();
    },
    getScrollElement: () => region,
    estimateSize: () => ROW,
    overscan: 10,
  });
  const inSight = () => rows.getVirtualItems();
  createEffect(() => {
    const items = inSight();
    const [first, last] = [items[0], items.at(-1)];
    if (first && last) table.want(first.index, last.index);
  });
  const before = () => inSight()[0]?.start ?? 0;
  const after = () => rows.getTotalSize() - (inSight().at(-1)?.end ?? 0);
  const turn = (column: number) => {
    const now = sort();
    region.scrollTop = 0;
    if (now?.column !== column) setSort({ column, descending: false });
    else setSort(now.descending ? undefined : { column, descending: true });
  };
  const told = () => {
    const all = `${counted(props.head.total, "row")}, ${counted(props.head.columns.length, "column")}`;
    return filter() ? `${count(table.found())} of ${all}` : all;
  };
  return (
    <>
      <Show when={!props.isSmall}>
        <Filter
          columns={props.head.columns}
          set={(found) => {
            region.scrollTop = 0;
            setFilter(found);
          }}
        />
      </Show>
      <p class="hint" role="status">
        {told()}
        {props.head.note && `. ${props.head.note}`}
        {table.found() > MOST_ROWS && `. The first ${count(MOST_ROWS)} can be scrolled to`}
        {table.reading() && " · reading…"}
      </p>
      <Show when={table.error()}>
        {(error) => <ErrorNote error={error()} again={table.again} />}
      </Show>
      <div
        ref={region}
        class="scroll tall data-table"
        tabindex="0"
        role="region"
        aria-label={`Table ${props.name}`}
        aria-busy={table.reading()}
      >
        <table
          aria-rowcount={table.found() + 1}
          style={{ "margin-top": `${before()}px`, "margin-bottom": `${after()}px` }}
        >
          <thead>
            <tr>
              <For each={props.head.columns}>
                {(column, i) => (
                  <th
                    scope="col"
                    classList={{ number: column.isNumber }}
                    aria-sort={ariaSort(sort(), i())}
                  >
                    <button type="button" title={column.type} onClick={() => turn(i())}>
                      {column.name}
                      <span aria-hidden="true">{mark(sort(), i())}</span>
                    </button>
                  </th>
                )}
              </For>
            </tr>
          </thead>
          <tbody>
            <For each={inSight()}>
              {(item) => (
                <tr aria-rowindex={item.index + 2}>
                  <For each={props.head.columns}>
                    {(column, i) => (
                      <td classList={{ number: column.isNumber }}>
                        {table.row(item.index)?.[i()] ?? "…"}
                      </td>
                    )}
                  </For>
                </tr>
              )}
            </For>
          </tbody>
        </table>
      </div>
    </>
  );
}

function Filter(props: { columns: TableColumn[]; set: (filter: TableFilter | undefined) => void }) {
  const [column, setColumn] = createSignal("");
  const [text, setText] = createSignal("");
  const use = () =>
    props.set(
      text().trim() ? { column: column() ? Number(column()) : null, text: text() } : undefined,
    );
  let timer: ReturnType<typeof setTimeout> | undefined;
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(use, 250);
  };
  return (
    <div class="bar table-filter">
      <select
        aria-label="Filter by"
        onChange={(event) => {
          setColumn(event.currentTarget.value);
          use();
        }}
      >
        <option value="">Any column</option>
        <For each={props.columns}>{({ name }, i) => <option value={i()}>{name}</option>}</For>
      </select>
      <input
        type="search"
        aria-label="Filter rows"
        placeholder="text, or > 0.5"
        onInput={(event) => {
          setText(event.currentTarget.value);
          soon();
        }}
      />
    </div>
  );
}

function ariaSort(sort: Sort | undefined, column: number) {
  if (sort?.column !== column) return "none";
  return sort.descending ? "descending" : "ascending";
}

function mark(sort: Sort | undefined, column: number): string {
  if (sort?.column !== column) return "";
  return sort.descending ? " ↓" : " ↑";
}
