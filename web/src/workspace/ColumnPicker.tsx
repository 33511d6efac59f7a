// Chooses the columns of the table, among thousands of names.

import { createVirtualizer } from "@tanstack/solid-virtual";
import { createEffect, createMemo, createSignal, For } from "solid-js";
import type { Keys } from "../api/runs";
import { Dialog } from "../parts/Dialog";
import { count } from "../parts/format";
import { ATTRIBUTES, type Column, NAME, title } from "../runs/columns";

const ROW = 30;

interface Choice {
  name: string;
  kind: string;
  /** What can be shown under this name, with what it is called. */
  columns: [Column, string][];
}

export default function ColumnPicker(props: {
  keys: Keys;
  chosen: Column[];
  choose: (columns: Column[]) => void;
  close: () => void;
}) {
  const [search, setSearch] = createSignal("");
  let scroller!: HTMLDivElement;
  let all!: HTMLInputElement;
  const choices = createMemo((): Choice[] => [
    ...ATTRIBUTES.map((c): Choice => ({ name: title(c), kind: "run", columns: [[c, "shown"]] })),
    ...props.keys.metrics.map(
      (key): Choice => ({
        name: key,
        kind: "metric",
        columns: [
          [`metrics.${key}`, "last"],
          [`minimum.${key}`, "min"],
          [`maximum.${key}`, "max"],
        ],
      }),
    ),
    ...props.keys.params.map((key): Choice => one(key, "param", `params.${key}`)),
    ...props.keys.tags.map((key): Choice => one(key, "tag", `tags.${key}`)),
  ]);
  const found = createMemo(() => {
    const words = search().toLowerCase().split(/\s+/).filter(Boolean);
    return choices().filter(({ name, kind }) => {
      const text = `${kind} ${name}`.toLowerCase();
      return words.every((word) => text.includes(word));
    });
  });
  const rows = createVirtualizer({
    get count() {
      return found().length;
    },
    getScrollElement: () => scroller,
    estimateSize: () => ROW,
    overscan: 8,
  });
  // No column at all would be those to begin with.
  const choose = (columns: Column[]) => props.choose(columns.length ? columns : [NAME]);
  const chosen = createMemo(() => new Set(props.chosen));
  const set = (column: Column, on: boolean) =>
    choose(on ? [...props.chosen, column] : props.chosen.filter((other) => other !== column));
  const isShown = (choice: Choice) => choice.columns.some(([column]) => chosen().has(column));
  const shownOfFound = createMemo(() => found().filter(isShown).length);
  createEffect(() => {
    all.checked = found().length > 0 && shownOfFound() === found().length;
    all.indeterminate = shownOfFound() > 0 && shownOfFound() < found().length;
  });
  /** Shows what is found and not shown, or hides all that is found, extremes of metrics, too. */
  const setAll = (on: boolean) => {
    if (on) {
      const more = found().filter((choice) => !isShown(choice));
      choose([...props.chosen, ...more.flatMap(({ columns: [first] }) => first?.[0] ?? [])]);
      return;
    }
    const hidden = new Set(found().flatMap(({ columns }) => columns.map(([column]) => column)));
    choose(props.chosen.filter((column) => !hidden.has(column)));
  };
  return (
    <Dialog title="Columns" close={props.close}>
      <input
        type="search"
        aria-label="Search columns"
        placeholder={`Search ${count(choices().length)} names`}
        onInput={(event) => {
          setSearch(event.currentTarget.value);
          scroller.scrollTop = 0;
        }}
      />
      <div class="bar">
        <span role="status">
          {count(found().length)} found, {count(props.chosen.length)} shown
        </span>
        <label>
          <input
            ref={all}
            type="checkbox"
            disabled={!found().length}
            onClick={() => setAll(shownOfFound() < found().length)}
          />
          All found
        </label>
        <button type="button" onClick={() => props.choose([])}>
          Defaults
        </button>
      </div>
      <div ref={scroller} class="choices" tabindex="0" role="region" aria-label="Names">
        <div style={{ height: `${rows.getTotalSize()}px` }}>
          <For each={rows.getVirtualItems()}>
            {(row) => (
              <div class="choice" style={{ transform: `translateY(${row.start}px)` }}>
                <span class="kind">{found()[row.index]?.kind}</span>
                <span class="title">{found()[row.index]?.name}</span>
                <For each={found()[row.index]?.columns}>
                  {([column, what]) => (
                    <label>
                      <input
                        type="checkbox"
                        aria-label={`${column} ${what}`}
                        checked={chosen().has(column)}
                        onChange={(event) => set(column, event.currentTarget.checked)}
                      />
                      {what}
                    </label>
                  )}
                </For>
              </div>
            )}
          </For>
        </div>
      </div>
    </Dialog>
  );
}

function one(name: string, kind: string, column: Column): Choice {
  return { name, kind, columns: [[column, "shown"]] };
}
