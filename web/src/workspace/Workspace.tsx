// An experiment: its runs at the left, their charts at the right, with one selection and one filter.

import { A } from "@solidjs/router";
import { createEffect, createMemo, createSignal, Match, Show, Suspense, Switch } from "solid-js";
import { part } from "../api/connection";
import { readExperiment } from "../api/experiments";
import { may } from "../api/rights";
import { statisticOf } from "../api/runGroups";
import { countRuns, listKeys } from "../api/runs";
import { caller } from "../api/session";
import { leadOldTabs } from "../panels/oldTabs";
import { useIds, useList, useText } from "../parts/address";
import { ErrorNote } from "../parts/ErrorNote";
import { count, counted } from "../parts/format";
import { lazyPart } from "../parts/lazyPart";
import { createLoaded } from "../parts/loaded";
import { attempt } from "../parts/notices";
import { createPainted } from "../parts/painted";
import { Tabs } from "../parts/Tabs";
import { createRunList } from "../runs/runList";
import { orderOf, sortOf, textOfSort } from "../runs/sort";
import { createVisibleRuns } from "../runs/visibleRuns";
import { FilterBox } from "./FilterBox";
import { GroupBy } from "./GroupBy";
import { RunsAndCharts } from "./RunsAndCharts";
import { ViewMenu } from "./ViewMenu";
import "../style/workspace.css";

const ColumnPicker = lazyPart(() => import("./ColumnPicker"));
const DeleteForGood = lazyPart(() => import("../parts/DeleteForGood"));
const ExperimentAccess = lazyPart(() => import("./ExperimentAccess"));
const FilterHints = lazyPart(() => import("./FilterHints"));
const FirstRun = lazyPart(() => import("../parts/FirstRun"));
const RunActions = lazyPart(() => import("./RunActions"));

const TABS = {
  "": "Workspace",
  table: "Table",
  charts: "Charts",
};

export function Workspace(props: { experimentId: string; reset: () => void }) {
  const [filter, setFilter] = useText("filter");
  const [order, setOrder] = useText("sort");
  const [columns, setColumns] = useList("columns");
  const [selected, setSelected] = useIds("selected");
  const [stage, setStage] = useText("stage");
  const [flat, setFlat] = useText("flat");
  const [tab, setTab] = useText("tab");
  const [groups, setGroups] = useList("groups");
  const [statistic, setStatistic] = useText("statistic");
  leadOldTabs();
  const [picking, setPicking] = createSignal(false);
  const [wanted, setWanted] = createSignal(false);
  const [granting, setGranting] = createSignal(false);
  const [emptying, setEmptying] = createSignal(false);

  const experiment = createLoaded(() => props.experimentId, readExperiment);
  const name = () => experiment.value()?.name;
  const keys = createLoaded(() => wanted() && props.experimentId, listKeys);
  createEffect(() => {
    if (name()) document.title = `${name()} · Runstream`;
  });
  const sort = createMemo(() => sortOf(order()));
  const lifecycle = () => (stage() === "deleted" ? "DELETED_ONLY" : "ACTIVE_ONLY");
  const list = createRunList(() => ({
    experimentId: props.experimentId,
    filter: filter(),
    order: order() ? [orderOf(sort())] : [],
    view: lifecycle(),
    nested: !flat(),
    columns: columns(),
    groups: groups(),
    sort: sort(),
    statistic: statisticOf(statistic()),
  }));

  const marked = createMemo(() => new Set(selected()));
  const visible = createVisibleRuns({
    listed: (most) =>
      list
        .lines()
        .slice(0, most)
        .map((line) => line.run.id),
    selected,
    groups: list.groupIds,
  });
  const markedRuns = createMemo(() => {
    const ids = marked();
    return (
      list
        .lines()
        .map((line) => line.run)
        // Without the list only those that are drawn are in sight.
        .filter((run) => ids.has(run.id) && (tab() !== "charts" || visible.has(run.id)))
    );
  });
  const parents = createMemo(() => list.lines().filter((line) => line.children).length);
  const sumOfChildren = () => list.lines().reduce((sum, line) => sum + line.children, 0);
  // Of a folded list: how many runs there are with those that are folded.
  const inAll = createLoaded(
    () =>
      parents() > 0 &&
      JSON.stringify([props.experimentId, lifecycle(), list.total(), sumOfChildren()]),
    () => countRuns({ experimentIds: [props.experimentId], view: lifecycle() }),
  );
  const howMany = () => {
    const total = list.total();
    if (total === undefined) return "";
    if (list.isGrouped()) return `${counted(list.groupCount(), "group")}, ${counted(total, "run")}`;
    const all = parents() > 0 ? inAll.value() : undefined;
    if (all === undefined || all <= total) return counted(total, "run");
    const top = parents() === total ? counted(total, "parent") : `${count(total)} at the top`;
    return `${top}, ${counted(all, "run")}`;
  };
  const select = (ids: string[], on: boolean) => {
    const these = new Set(ids);
    setSelected((now) => {
      const others = now.filter((id) => !these.has(id));
      return on ? [...now, ...ids.filter((id) => !now.includes(id))] : others;
    });
  };
  const isEmpty = () => !list.loading() && !list.error() && !list.lines().length;
  const isNew = () => isEmpty() && !filter() && !stage();
  const exported = () =>
    attempt(async () => {
      const { saveRuns } = await part(() => import("./saveRuns"));
      await saveRuns(name() ?? "runs", list);
    });
  // What is used next is there before somebody asks for it.
  const painted = createPainted(() => list.rows().length > 0);
  createEffect(() => {
    if (painted()) for (const next of [RunActions, ColumnPicker]) next.preload();
  });
  const pick = () => {
    if (wanted()) keys.again();
    setWanted(true);
    setPicking(true);
  };

  return (
    <div class="page full">
      <div class="bar">
        <h1>{name() ?? `Experiment ${props.experimentId}`}</h1>
        <span class="count" role="status">
          {howMany()}
        </span>
        <ViewMenu experimentId={props.experimentId} mayWrite={may(experiment.value(), "write")} />
        <A class="button" href={`/experiments/${props.experimentId}/reports`}>
          Reports
        </A>
        <A class="button" href={`/experiments/${props.experimentId}/alerts`}>
          Alerts
        </A>
        <Show when={caller()?.name}>
          <button type="button" onClick={() => setGranting(true)}>
            Access
          </button>
        </Show>
        <Tabs label="Views" tabs={TABS} chosen={tab()} choose={setTab} />
      </div>
      <Show when={experiment.error()}>
        {(error) => <ErrorNote error={error()} again={experiment.again} />}
      </Show>
      <div class="bar">
        <FilterBox
          value={filter()}
          apply={setFilter}
          experimentId={props.experimentId}
          view={lifecycle()}
          keys={keys.value()}
          wanted={() => setWanted(true)}
          error={list.error()?.column ? list.error() : undefined}
        />
        <select
          aria-label="Which runs"
          value={stage()}
          onChange={(e) => setStage(e.currentTarget.value)}
        >
          <option value="">Active</option>
          <option value="deleted">Deleted</option>
        </select>
        <Show when={stage() === "deleted" && may(experiment.value(), "own")}>
          <button type="button" onClick={() => setEmptying(true)}>
            Empty the bin…
          </button>
        </Show>
        <Show when={!list.isGrouped()}>
          <label>
            <input
              type="checkbox"
              checked={!flat()}
              onChange={(event) => setFlat(event.currentTarget.checked ? "" : "1")}
            />
            Fold child runs
          </label>
        </Show>
        <Show when={order() && !flat() && parents()}>
          <button
            type="button"
            title="Only runs without a parent are in this order: put child runs among them, too"
            onClick={() => setFlat("1")}
          >
            Sort all runs
          </button>
        </Show>
        <GroupBy
          groups={groups()}
          setGroups={setGroups}
          statistic={list.statistic()}
          setStatistic={(next) => setStatistic(next === "mean" ? "" : next)}
          keys={keys.value()}
          wanted={() => setWanted(true)}
        />
        <button type="button" onClick={pick}>
          Columns
        </button>
        <button type="button" onClick={exported}>
          Export CSV
        </button>
        <button
          type="button"
          title="Forget filter, columns, selection and all else that was set up here"
          onClick={() => props.reset()}
        >
          Reset
        </button>
      </div>
      <Show when={selected().length > 0}>
        <Suspense>
          <RunActions
            experimentId={props.experimentId}
            runs={markedRuns()}
            ids={selected()}
            deleted={stage() === "deleted"}
            own={may(experiment.value(), "own")}
            fixed={!may(experiment.value(), "write")}
            tagKeys={keys.value()?.tags ?? []}
            changed={list.reload}
            select={setSelected}
          />
        </Suspense>
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
            <Suspense>
              <FirstRun experiment={name()} />
            </Suspense>
          </Show>
        </Match>
        <Match when={isEmpty()}>
          <Show when={filter()} fallback={<p class="empty">There are no deleted runs.</p>}>
            <Suspense>
              <FilterHints
                experimentId={props.experimentId}
                filter={filter()}
                view={lifecycle()}
                apply={setFilter}
              />
            </Suspense>
          </Show>
        </Match>
        <Match when={list.lines().length || list.loading()}>
          <RunsAndCharts
            list={list}
            sort={sort()}
            setSort={(next) => setOrder(next ? textOfSort(next) : "")}
            selected={marked()}
            select={select}
            visible={visible}
            painted={painted()}
          />
        </Match>
      </Switch>
      <Suspense>
        <Show when={emptying()}>
          <DeleteForGood
            title="Delete all deleted runs for good"
            experimentId={props.experimentId}
            changed={list.reload}
            close={() => setEmptying(false)}
          />
        </Show>
        <Show when={granting()}>
          <ExperimentAccess
            experiment={props.experimentId}
            name={name() ?? `experiment ${props.experimentId}`}
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
      </Suspense>
    </div>
  );
}
