// The list of runs and their charts, side by side, with a line between them that is dragged.

import {
  createEffect,
  createMemo,
  createSignal,
  onCleanup,
  onMount,
  Show,
  Suspense,
} from "solid-js";
import { useColours } from "../panels/colours";
import { useChange, useText } from "../parts/address";
import { fontScale } from "../parts/fontScale";
import { count, counted } from "../parts/format";
import { lazyPart } from "../parts/lazyPart";
import { type Column, parts, SAMPLE, title, value } from "../runs/columns";
import { chartRuns, createDrawnGroups } from "../runs/drawnGroups";
import { groupValue } from "../runs/groups";
import { createLiveRuns } from "../runs/liveRuns";
import { isGroup, type Row } from "../runs/rows";
import type { RunList } from "../runs/runList";
import type { Sort } from "../runs/sort";
import type { VisibleRuns } from "../runs/visibleRuns";
import { MOST_DRAWN } from "../runs/visibleRuns";
import { Divider } from "./Divider";
import { RunsTable } from "./RunsTable";

const MetricCharts = lazyPart(() => import("../panels/MetricCharts"));

// Pixels: the list as it begins, where it has all columns, and what either side needs.
const BEGIN = { part: 0.25, least: 340, most: 520 };
const WIDE = 600;
const LEAST_LIST = 240;
const LEAST_CHARTS = 320;
const PHONE = "(max-width: 700px)";
// Of the narrow list: the column of numbers, and the bar that scrolls.
const NUMBER = { least: 100, most: 150, letter: 8.5, around: 20 };
const SCROLLBAR = 16;

export function RunsAndCharts(props: {
  list: RunList;
  sort: Sort | undefined;
  setSort: (sort: Sort | undefined) => void;
  selected: Set<string>;
  select: (ids: string[], on: boolean) => void;
  visible: VisibleRuns;
  /** Whether rows were painted: charts are loaded after them. */
  painted: boolean;
}) {
  let room!: HTMLDivElement;
  const [tab] = useText("tab");
  const [width] = useText("list");
  const [frame] = useText("frame");
  const change = useChange();
  const [total, setTotal] = createSignal(innerWidth);
  const phone = matchMedia(PHONE);
  const [isPhone, setPhone] = createSignal(phone.matches);
  const [pointed, setPointed] = createSignal("");
  const [isOpen, setOpen] = createSignal(false);
  onMount(() => {
    const size = new ResizeObserver(() => setTotal(room.clientWidth));
    size.observe(room);
    const turn = () => setPhone(phone.matches);
    phone.addEventListener("change", turn);
    onCleanup(() => {
      size.disconnect();
      phone.removeEventListener("change", turn);
    });
  });

  const point = (id: string) => setPointed(pointed() === id ? "" : id);
  const most = () => Math.max(LEAST_LIST, total() - LEAST_CHARTS);
  const begin = () => Math.min(BEGIN.most, Math.max(BEGIN.least, total() * BEGIN.part));
  const listWidth = createMemo(() =>
    Math.round(Math.min(most(), Math.max(LEAST_LIST, Number(width()) || begin()))),
  );
  const isTable = () => tab() === "table";
  const isNarrow = () => !isTable() && (isPhone() ? total() : listWidth()) < WIDE;
  const widen = (to: number) => {
    // Drawn far beyond an end, there is nothing left of the other side.
    const end =
      to < LEAST_LIST / 2 ? "charts" : to > total() - LEAST_CHARTS / 2 ? "table" : undefined;
    const list = String(Math.round(Math.min(most(), Math.max(LEAST_LIST, to))));
    change({ tab: end, ...(!end && { list }) });
  };
  const columns = createMemo<Column[]>(
    () => (isNarrow() ? mainColumn(props.list, props.sort) : props.list.columns()),
    [],
    { equals: (a, b) => a.join() === b.join() },
  );
  /** Wide enough for the title of the column, as far as names have room beside it. */
  const numberWidth = () => {
    const letters = Math.max(0, ...columns().map((column) => title(column).length));
    const wanted = letters * NUMBER.letter + NUMBER.around;
    return Math.round(Math.max(NUMBER.least, Math.min(NUMBER.most, wanted)) * fontScale());
  };
  const nameWidth = () => {
    if (!isNarrow()) return undefined;
    const free = (isPhone() ? total() : listWidth()) - SCROLLBAR;
    return `${free - columns().length * numberWidth()}px`;
  };
  const groups = createDrawnGroups(props.list, props.visible);
  useColours(() => ({ runs: [], by: "", groups: groups()?.groups ?? [] }));
  const charted = createMemo(() => chartRuns(groups(), props.visible), [], {
    equals: (a, b) => a.join() === b.join(),
  });
  // Their runs are read while the code of the charts comes.
  const live = createLiveRuns(() => (isTable() ? [] : charted()));
  // While groups, which are the first rows, are computed, it is known that there is something to draw.
  createEffect(() => {
    if (!isTable() && props.list.isGrouped() && props.list.lines().length) MetricCharts.preload();
  });
  const noun = () => (groups() ? "group" : "run");
  const howMany = () => {
    const some = groups()?.groups.length ?? props.visible.drawn().length;
    const all = groups() ? props.list.groupCount() : found();
    return `${count(some)} of ${count(all)} drawn`;
  };
  const which = () => {
    if (groups()) return groupsLeftOut();
    const drawn = props.visible.drawn().length;
    const { wanted, isChosen } = props.visible;
    if (isChosen() || props.selected.size) {
      const all = isChosen() ? "runs" : "selected runs";
      return wanted() > drawn ? `The first ${drawn} of ${count(wanted())} ${all}.` : "";
    }
    if (tab() !== "charts" || frame() === "none" || drawn >= found()) return ""; // the head of the list says it
    return `The first ${drawn} of ${count(found())} runs; select others in the table.`;
  };
  const groupsLeftOut = () => {
    const drawn = groups()?.groups.length ?? 0;
    const all = props.list.groupCount();
    if (props.visible.isChosen() || drawn >= all) return "";
    return `The first ${drawn} of ${counted(all, "group")}; open the eyes of others in the list.`;
  };
  const found = () => props.list.total() ?? props.list.lines().length;

  return (
    <div ref={room} class="workspace" classList={{ phone: isPhone() && !isTable() }}>
      <Show when={tab() !== "charts"}>
        <section
          id="runs"
          class="runs"
          classList={{ narrow: isNarrow(), whole: isTable() }}
          aria-label="List of runs"
          style={{
            width: isTable() || isPhone() ? undefined : `${listWidth()}px`,
            "--name-width": nameWidth(),
          }}
        >
          <div class="bar tools" hidden={isTable()}>
            <Show when={isPhone()}>
              <button type="button" aria-expanded={isOpen()} onClick={() => setOpen(!isOpen())}>
                {isOpen() ? "▾" : "▸"} Runs
              </button>
            </Show>
            <span role="status" class="hint">
              {howMany()}
            </span>
            <span class="space" />
            <button type="button" class="quiet" onClick={() => props.visible.setAll("none")}>
              Hide all
            </button>
            <button
              type="button"
              class="quiet"
              title={`Draw the first ${MOST_DRAWN} ${noun()}s that are found`}
              onClick={() => props.visible.setAll("all")}
            >
              Show all found
            </button>
            <Show when={props.visible.isChosen()}>
              <button
                type="button"
                class="quiet"
                title={groups() ? "Draw the first groups" : "Draw the selected runs, or the first"}
                onClick={() => props.visible.setAll("")}
              >
                Default
              </button>
            </Show>
            <Show when={!isPhone()}>
              <button
                type="button"
                class="quiet"
                aria-label="Widen into the table"
                title="Widen into the table"
                onClick={() => change({ tab: "table" })}
              >
                ⇥
              </button>
            </Show>
          </div>
          <Show when={!isPhone() || isOpen() || isTable()}>
            <RunsTable
              list={props.list}
              columns={columns()}
              columnWidth={isNarrow() ? numberWidth() : undefined}
              sort={props.sort}
              setSort={props.setSort}
              selected={props.selected}
              select={props.select}
              visible={isTable() ? undefined : props.visible}
              pointed={pointed()}
              narrow={isNarrow()}
            />
          </Show>
        </section>
      </Show>
      <Show when={!tab() && !isPhone()}>
        <Divider width={listWidth()} least={LEAST_LIST} most={most()} move={widen} />
      </Show>
      <Show when={!isTable()}>
        <section class="drawn" aria-label="Charts">
          <Show when={which()}>
            <p class="hint">{which()}</p>
          </Show>
          <Show
            when={charted().length}
            fallback={
              <Show when={!props.list.loading() && (!groups() || props.list.groupCount())}>
                <p class="empty">
                  No {noun()} is shown. Open the eye of a {noun()} to draw it.
                </p>
              </Show>
            }
          >
            <Suspense fallback={<p class="loading">Loading…</p>}>
              <Show
                when={props.painted || tab() === "charts"}
                fallback={<p class="loading">Loading…</p>}
              >
                <MetricCharts
                  live={live}
                  groups={groups()}
                  list={props.list}
                  selected={props.selected}
                  choose={point}
                />
              </Show>
            </Suspense>
          </Show>
        </section>
      </Show>
    </div>
  );
}

/**
 * Returns the one column of the narrow list: what runs are sorted by, or the first of the metrics that
 * most of the first rows have.
 */
function mainColumn(list: RunList, sort: Sort | undefined): Column[] {
  const isShown = (column: Column) => !["run_name", "status"].includes(column);
  if (sort && isShown(sort.column)) return [sort.column];
  const columns = list.columns();
  const some = list.rows().slice(0, SAMPLE);
  const metrics = columns.filter((column) =>
    ["metrics", "minimum", "maximum"].includes(parts(column)[0]),
  );
  const counts = metrics.map((column) => some.filter((row) => hasValue(list, row, column)).length);
  const logged = metrics[counts.indexOf(Math.max(...counts))];
  const other = logged ?? columns.find(isShown);
  return other ? [other] : [];
}

function hasValue(list: RunList, row: Row, column: Column): boolean {
  if (isGroup(row)) return groupValue(row.group, column, list.statistic()) !== null;
  return !!row && value(row.run, column) !== null;
}
