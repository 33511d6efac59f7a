// An experiment: its runs as a table, and as charts.

import { useParams } from "@solidjs/router";
import {
  createEffect,
  createMemo,
  createResource,
  createSignal,
  lazy,
  Match,
  Show,
  Switch,
} from "solid-js";
import { shown } from "../api/client";
import { returns } from "../api/connection";
import { experimentName } from "../api/experiments";
import { listKeys } from "../api/runs";
import { useList, useText } from "../parts/address";
import { ErrorNote } from "../parts/ErrorNote";
import { FirstRun } from "../parts/FirstRun";
import { counted } from "../parts/format";
import { attempt } from "../parts/notices";
import { csv, save } from "../parts/save";
import { Tabs } from "../parts/Tabs";
import { ColumnPicker } from "./ColumnPicker";
import { type Column, searchKey, title, value } from "./columns";
import { FilterBox } from "./FilterBox";
import { RunActions } from "./RunActions";
import { RunsTable, type Sort } from "./RunsTable";
import { createRunList } from "./runList";

const Charts = lazy(() => import("../charts/Charts"));
const Parallel = lazy(() => import("../charts/Parallel"));
const Scatter = lazy(() => import("../charts/Scatter"));

// Runs that are drawn if none are selected.
const DRAWN = 10;

const TABS = {
  "": "Table",
  charts: "Charts",
  parallel: "Parallel coordinates",
  scatter: "Scatter",
};

export default function ExperimentPage() {
  const params = useParams<{ experiment: string }>();
  const [filter, setFilter] = useText("filter");
  const [order, setOrder] = useText("sort");
  const [columns, setColumns] = useList("columns");
  const [selected, setSelected] = useList("selected");
  const [view, setView] = useText("view");
  const [flat, setFlat] = useText("flat");
  const [tab, setTab] = useText("tab");
  const [picking, setPicking] = createSignal(false);
  const [wanted, setWanted] = createSignal(false);

  const [name] = createResource(
    () => [params.experiment, returns()] as const,
    ([id]) => experimentName(id),
  );
  const [keys, { refetch: listAgain }] = createResource(
    () => wanted() && params.experiment,
    (id) => listKeys(id),
  );
  createEffect(() => {
    if (!name.error && name()) document.title = `${name()} · Runstream`;
  });
  const sort = createMemo(() => sortOf(order()));
  const list = createRunList(() => ({
    experimentId: params.experiment,
    filter: filter(),
    order: order() ? [orderOf(sort())] : [],
    view: view() === "deleted" ? "DELETED_ONLY" : "ACTIVE_ONLY",
    nested: !flat(),
    columns: columns(),
  }));

  const marked = createMemo(() => new Set(selected()));
  const markedRuns = createMemo(() =>
    list
      .lines()
      .map((line) => line.run)
      .filter((run) => marked().has(run.id)),
  );
  const drawn = createMemo(
    () =>
      selected().length
        ? selected()
        : list
            .lines()
            .slice(0, DRAWN)
            .map((line) => line.run.id),
    [],
    { equals: (a, b) => a.join() === b.join() },
  );
  const select = (ids: string[], on: boolean) =>
    setSelected(
      on ? [...new Set([...selected(), ...ids])] : selected().filter((id) => !ids.includes(id)),
    );
  const isEmpty = () => !list.loading() && !list.error() && !list.lines().length;
  const isNew = () => isEmpty() && !filter() && !view();
  const exported = () =>
    attempt(async () => {
      const shownColumns: Column[] = ["run_id", "run_name", ...list.columns()];
      const runs = await list.all();
      const rows = runs.map((run) => shownColumns.map((column) => value(run, column)));
      save(`${name() ?? "runs"}.csv`, csv([shownColumns.map(title), ...rows]));
    });
  const pick = () => {
    setWanted(true);
    if (keys()) listAgain();
    setPicking(true);
  };

  return (
    <div class="page full">
      <div class="bar">
        <h1>{name.error ? `Experiment ${params.experiment}` : (name() ?? "…")}</h1>
        <span class="count" role="status">
          {list.total() === undefined ? "" : counted(list.total() ?? 0, "run")}
        </span>
        <Tabs label="Views" tabs={TABS} chosen={tab()} choose={setTab} />
      </div>
      <Show when={name.error}>
        <ErrorNote error={shown(name.error)} />
      </Show>
      <div class="bar">
        <FilterBox
          value={filter()}
          apply={setFilter}
          keys={keys.error ? undefined : keys()}
          wanted={() => setWanted(true)}
          error={list.error()?.column ? list.error() : undefined}
        />
        <select
          aria-label="Which runs"
          value={view()}
          onChange={(e) => setView(e.currentTarget.value)}
        >
          <option value="">Active</option>
          <option value="deleted">Deleted</option>
        </select>
        <Show when={!tab()}>
          <label>
            <input
              type="checkbox"
              checked={!flat()}
              onChange={(event) => setFlat(event.currentTarget.checked ? "" : "1")}
            />
            Fold child runs
          </label>
          <button type="button" onClick={pick}>
            Columns
          </button>
          <button type="button" onClick={exported}>
            Export CSV
          </button>
        </Show>
      </div>
      <Show when={selected().length}>
        <RunActions
          runs={markedRuns()}
          ids={selected()}
          deleted={view() === "deleted"}
          tagKeys={keys.error ? [] : (keys()?.tags ?? [])}
          changed={list.reload}
          clear={() => setSelected([])}
        />
      </Show>
      <Show when={list.created()}>
        <button type="button" class="fresh" onClick={list.reload}>
          Show {counted(list.created(), "new run")}
        </button>
      </Show>
      <Show when={list.error() && !list.error()?.column ? list.error() : undefined}>
        {(error) => <ErrorNote error={error()} again={list.reload} />}
      </Show>
      <Switch>
        <Match when={isNew()}>
          <FirstRun experiment={name.error ? undefined : name()} />
        </Match>
        <Match when={isEmpty()}>
          <p class="empty">
            {filter() ? "The filter finds no runs." : "There are no deleted runs."}
          </p>
        </Match>
        <Match when={tab() === "charts"}>
          <Charts runIds={drawn()} />
        </Match>
        <Match when={tab() === "parallel"}>
          <Parallel list={list} selected={marked()} />
        </Match>
        <Match when={tab() === "scatter"}>
          <Scatter list={list} selected={marked()} />
        </Match>
        <Match when={list.lines().length || list.loading()}>
          <RunsTable
            list={list}
            sort={sort()}
            setSort={(next) =>
              setOrder(next ? `${next.column}${next.descending ? " DESC" : ""}` : "")
            }
            selected={marked()}
            select={select}
          />
        </Match>
      </Switch>
      <Show when={picking() && !keys.error && keys()}>
        {(all) => (
          <ColumnPicker
            keys={all()}
            chosen={list.columns()}
            choose={setColumns}
            close={() => setPicking(false)}
          />
        )}
      </Show>
    </div>
  );
}

function sortOf(text: string): Sort | undefined {
  if (!text) return undefined;
  const descending = text.endsWith(" DESC");
  return { column: descending ? text.slice(0, -5) : text, descending };
}

function orderOf(sort: Sort | undefined): string {
  return sort ? `${searchKey(sort.column)} ${sort.descending ? "DESC" : "ASC"}` : "";
}
