// Two to a hundred runs side by side, against one of them if somebody chooses it.

import { createEffect, createMemo, For, Match, Show, Switch } from "solid-js";
import { useList, useText } from "../parts/address";
import { ErrorNote } from "../parts/ErrorNote";
import { Tabs } from "../parts/Tabs";
import { MOST_COMPARED } from "../runs/compared";
import { createLiveRuns } from "../runs/liveRuns";
import { CompareValues } from "./CompareValues";
import "../style/compare.css";
import { lazyPart } from "../parts/lazyPart";

const MediaPanels = lazyPart(() => import("../files/MediaPanels"));
const MetricCharts = lazyPart(() => import("../panels/MetricCharts"));
const CompareFiles = lazyPart(() => import("./CompareFiles"));
const CompareCode = lazyPart(() => import("./CompareCode"));

const TABS = {
  "": "Values",
  charts: "Charts",
  media: "Media",
  code: "Code",
  artifacts: "Artifacts",
};

export default function ComparePage() {
  const [ids] = useList("runs");
  const [tab, setTab] = useText("tab");
  const [baseline, setBaseline] = useText("baseline");
  const live = createLiveRuns(ids);
  const first = createMemo(() => live.runs().find((run) => run.id === baseline()));
  // The one that others are compared with stands beside the names.
  const runs = createMemo(() => {
    const found = first();
    return found ? [found, ...live.runs().filter((run) => run !== found)] : live.runs();
  });
  createEffect(() => {
    document.title = `Compare ${ids().length} runs · Runstream`;
  });
  return (
    <div class="page">
      <div class="bar">
        <h1>Compare {live.runs().length} runs</h1>
        <label>
          Baseline
          <select
            class="baseline"
            value={baseline()}
            onChange={(event) => setBaseline(event.currentTarget.value)}
          >
            <option value="">none</option>
            <For each={live.runs()}>
              {(run) => (
                <option value={run.id} selected={run.id === baseline()}>
                  {run.name}
                </option>
              )}
            </For>
          </select>
        </label>
        <Tabs label="Parts of the comparison" tabs={TABS} chosen={tab()} choose={setTab} />
      </div>
      <Show when={live.error()}>{(error) => <ErrorNote error={error()} again={live.read} />}</Show>
      <Show
        when={ids().length >= 2 && ids().length <= MOST_COMPARED}
        fallback={
          <p class="empty">
            Select 2 to {MOST_COMPARED} runs in the table of an experiment to compare them.
          </p>
        }
      >
        <Switch>
          <Match when={!tab()}>
            <CompareValues runs={runs()} baseline={first()} />
          </Match>
          <Match when={tab() === "charts"}>
            <MetricCharts live={live} />
          </Match>
          <Match when={tab() === "media"}>
            <MediaPanels
              runs={live.runs().map(({ id, name, end }) => ({ id, name, isRunning: end === null }))}
            />
          </Match>
          <Match when={tab() === "code" && runs().length}>
            <CompareCode runs={runs()} baseline={first()} />
          </Match>
          <Match when={tab() === "artifacts"}>
            <CompareFiles runs={runs()} baseline={first()} />
          </Match>
        </Switch>
      </Show>
    </div>
  );
}
