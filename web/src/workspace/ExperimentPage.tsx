// An experiment: its runs as a table, and as charts.

import { useParams } from "@solidjs/router";
import { createEffect, createMemo, createSignal, lazy, Match, Show, Switch } from "solid-js";
import { part } from "../api/connection";
import { readExperiment } from "../api/experiments";
import { may } from "../api/rights";
import { listKeys } from "../api/runs";
import { caller } from "../api/session";
import { useList, useText } from "../parts/address";
import { ErrorNote } from "../parts/ErrorNote";
import { FirstRun } from "../parts/FirstRun";
import { count, counted } from "../parts/format";
import { createLoaded } from "../parts/loaded";
import { attempt } from "../parts/notices";
import { csv, saveFile } from "../parts/saveFile";
import { Tabs } from "../parts/Tabs";
import { type Column, searchKey, title, value } from "../runs/columns";
import { createRunList } from "../runs/runList";
import { ColumnPicker } from "./ColumnPicker";
import { ExperimentAccess } from "./ExperimentAccess";
import { FilterBox } from "./FilterBox";
import { RunActions } from "./RunActions";
import { RunsTable, type Sort } from "./RunsTable";

const MetricCharts = lazy(() => part(() => import("../panels/MetricCharts")));
const ParallelCoordinates = lazy(() => part(() => import("../panels/ParallelCoordinates")));
const ScatterPlot = lazy(() => part(() => import("../panels/ScatterPlot")));

// Runs that are drawn if none are selected, and at most.
const DRAWN = 10;
const MOST_DRAWN = 100;

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
  if (tab() === "charts") MetricCharts.preload(); // while the runs are read
  const [picking, setPicking] = createSignal(false);
  const [wanted, setWanted] = createSignal(false);
  const [granting, setGranting] = createSignal(false);

  const experiment = createLoaded(() => params.experiment, readExperiment);
  const name = () => experiment.value()?.name;
  const keys = createLoaded(() => wanted() && params.experiment, listKeys);
  createEffect(() => {
    if (name()) document.title = `${name()} · Runstream`;
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
        ? selected().slice(0, MOST_DRAWN)
        : list
            .lines()
            .slice(0, DRAWN)
            .map((line) => line.run.id),
    [],
    { equals: (a, b) => a.join() === b.join() },
  );
  const which = () => {
    const of = selected().length || (list.total() ?? list.lines().length);
    if (drawn().length >= of) return "";
    const all = selected().length ? "selected runs" : "runs; select others in the table";
    return `The first ${drawn().length} of ${count(of)} ${all}.`;
  };
  const select = (ids: string[], on: boolean) =>
    setSelected(
      on ? [...new Set([...selected(), ...ids])] : selected().filter((id) => !ids.includes(id)),
    );
  const isEmpty = () => !list.loading() && !list.error() && !list.lines().length;
  const isNew = () => isEmpty() && !filter() && !view();
  const exported = () =>
    attempt(async () => {
      const runs = await list.all();
      const shownColumns: Column[] = ["run_id", "run_name", ...list.columns()];
      const rows = runs.map((run) => shownColumns.map((column) => value(run, column)));
      saveFile(`${name() ?? "runs"}.csv`, csv([shownColumns.map(title), ...rows]));
    });
  const pick = () => {
    if (wanted()) keys.again();
    setWanted(true);
    setPicking(true);
  };

  return (
    <div class="page full">
      <div class="bar">
        <h1>{name() ?? `Experiment ${params.experiment}`}</h1>
        <span class="count" role="status">
          {list.total() === undefined ? "" : counted(list.total() ?? 0, "run")}
        </span>
        <Show when={caller()?.name}>
          <button type="button" onClick={() => setGranting(true)}>
            Access
          </button>
        </Show>
        <Tabs label="Views" tabs={TABS} chosen={tab()} choose={setTab} />
      </div>
      <Show when={experiment.error()}>{(error) => <ErrorNote error={error()} />}</Show>
      <div class="bar">
        <FilterBox
          value={filter()}
          apply={setFilter}
          keys={keys.value()}
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
          fixed={!may(experiment.value(), "write")}
          tagKeys={keys.value()?.tags ?? []}
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
          <Show
            when={may(experiment.value(), "write")}
            fallback={<p class="empty">No runs yet.</p>}
          >
            <FirstRun experiment={name()} />
          </Show>
        </Match>
        <Match when={isEmpty()}>
          <p class="empty">
            {filter() ? "The filter finds no runs." : "There are no deleted runs."}
          </p>
        </Match>
        <Match when={tab() === "charts"}>
          <Show when={which()}>
            <p class="hint">{which()}</p>
          </Show>
          <MetricCharts runIds={drawn()} />
        </Match>
        <Match when={tab() === "parallel"}>
          <ParallelCoordinates list={list} selected={marked()} />
        </Match>
        <Match when={tab() === "scatter"}>
          <ScatterPlot list={list} selected={marked()} />
        </Match>
        <Match when={list.lines().length || list.loading()}>
          <RunsTable
            list={list}
            sort={sort()}
            setSort={(next) => setOrder(next ? textOfSort(next) : "")}
            selected={marked()}
            select={select}
          />
        </Match>
      </Switch>
      <Show when={granting()}>
        <ExperimentAccess
          experiment={params.experiment}
          name={name() ?? `experiment ${params.experiment}`}
          close={() => {
            setGranting(false);
            experiment.again(); // the own role may be another now
          }}
        />
      </Show>
      <Show when={picking() && keys.value()}>
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
  const [, column = text, direction] = /^(.*) (ASC|DESC)$/s.exec(text) ?? [];
  return { column, descending: direction === "DESC" };
}

/** Returns an order for the address. Ascending is said only where the key itself ends so. */
function textOfSort({ column, descending }: Sort): string {
  if (descending) return `${column} DESC`;
  return / (ASC|DESC)$/.test(column) ? `${column} ASC` : column;
}

function orderOf(sort: Sort | undefined): string {
  return sort ? `${searchKey(sort.column)} ${sort.descending ? "DESC" : "ASC"}` : "";
}
