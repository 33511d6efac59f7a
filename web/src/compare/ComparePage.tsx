// Two to fifty runs side by side.

import { A } from "@solidjs/router";
import {
  createEffect,
  createMemo,
  createSignal,
  For,
  type JSX,
  lazy,
  Match,
  Show,
  Switch,
} from "solid-js";
import { listFiles } from "../api/artifacts";
import { part } from "../api/connection";
import type { Run } from "../api/runs";
import { useList, useText } from "../parts/address";
import { ErrorNote } from "../parts/ErrorNote";
import { bytes, duration, number, time } from "../parts/format";
import { LongText } from "../parts/LongText";
import { createLoaded } from "../parts/loaded";
import { ScrollRegion } from "../parts/ScrollRegion";
import { ShowMore } from "../parts/ShowMore";
import { StatusMark } from "../parts/StatusMark";
import { Tabs } from "../parts/Tabs";
import { lessIsBetter } from "../runs/keyMetrics";
import { createLiveRuns, type LiveRuns } from "../runs/liveRuns";
import { MOST_COMPARED } from "../workspace/RunActions";
import { best, type Row, rowsOf } from "./rows";
import "../style/run.css";

const MediaPanels = lazy(() => part(() => import("../files/MediaPanels")));
const MetricCharts = lazy(() => part(() => import("../panels/MetricCharts")));

// Of params, and of metrics, to begin with.
const MOST_ROWS = 200;
const TABS = {
  "": "Params and metrics",
  charts: "Charts",
  media: "Media",
  artifacts: "Artifacts",
};

export default function ComparePage() {
  const [ids] = useList("runs");
  const [tab, setTab] = useText("tab");
  const live = createLiveRuns(ids);
  createEffect(() => {
    document.title = `Compare ${ids().length} runs · Runstream`;
  });
  return (
    <div class="page">
      <div class="bar">
        <h1>Compare {live.runs().length} runs</h1>
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
            <Values live={live} />
          </Match>
          <Match when={tab() === "charts"}>
            <MetricCharts live={live} />
          </Match>
          <Match when={tab() === "media"}>
            <MediaPanels
              runs={live.runs().map(({ id, name, end }) => ({ id, name, isRunning: end === null }))}
            />
          </Match>
          <Match when={tab() === "artifacts"}>
            <Files runs={live.runs()} />
          </Match>
        </Switch>
      </Show>
    </div>
  );
}

function Values(props: { live: LiveRuns }) {
  const [differing, setDiffering] = useText("differing");
  const [turned, setTurned] = createSignal(new Set<string>());
  const runs = () => props.live.runs();
  const params = createMemo(() => rowsOf(runs(), (run) => run.params));
  const metrics = createMemo(() =>
    rowsOf(runs(), (run) => new Map([...run.metrics].map(([key, { last }]) => [key, `${last}`]))),
  );
  const some = (rows: Row[]) => (differing() ? rows.filter((row) => row.differs) : rows);
  const around = (button: JSX.Element) => (
    <tr>
      <td colspan={runs().length + 1}>{button}</td>
    </tr>
  );
  const less = (key: string) => lessIsBetter(key) !== turned().has(key);
  const turn = (key: string) =>
    setTurned((all) => {
      const next = new Set(all);
      if (!next.delete(key)) next.add(key);
      return next;
    });
  return (
    <>
      <label>
        <input
          type="checkbox"
          checked={!!differing()}
          onChange={(event) => setDiffering(event.currentTarget.checked ? "1" : "")}
        />
        Only what differs
      </label>
      <ScrollRegion label="Comparison" tall>
        <table class="compared">
          <Heads runs={runs()} />
          <tbody>
            <Fact title="Status" runs={runs()} of={(run) => <StatusMark status={run.status} />} />
            <Fact title="Started" runs={runs()} of={(run) => time(run.start)} />
            <Fact
              title="Duration"
              runs={runs()}
              of={(run) => (run.end ? duration(run.end - run.start) : "")}
            />
            <Heading title="Params" columns={runs().length} />
            <ShowMore items={some(params())} step={MOST_ROWS} noun="param" around={around}>
              {(row) => (
                <tr classList={{ differs: row.differs }}>
                  <th scope="row">{row.key}</th>
                  <For each={row.texts}>
                    {(text) => (
                      <td>
                        <LongText text={text} />
                      </td>
                    )}
                  </For>
                </tr>
              )}
            </ShowMore>
            <Heading title="Metrics" columns={runs().length} />
            <ShowMore items={some(metrics())} step={MOST_ROWS} noun="metric" around={around}>
              {(row) => {
                const marked = () =>
                  best(
                    runs().map((run) => run.metrics.get(row.key)?.last),
                    less(row.key),
                  );
                return (
                  <tr classList={{ differs: row.differs }}>
                    <th scope="row">
                      {row.key}{" "}
                      <button
                        type="button"
                        class="quiet"
                        aria-label={`${row.key}: ${less(row.key) ? "less" : "more"} is better; turn round`}
                        title={less(row.key) ? "Less is better" : "More is better"}
                        onClick={() => turn(row.key)}
                      >
                        {less(row.key) ? "↓" : "↑"}
                      </button>
                    </th>
                    <For each={row.texts}>
                      {(text, i) => (
                        <td class="number" classList={{ best: marked().has(i()) }} title={text}>
                          {text && number(Number(text))}
                          <Show when={marked().has(i())}>
                            <span class="unseen"> (best)</span>
                          </Show>
                        </td>
                      )}
                    </For>
                  </tr>
                );
              }}
            </ShowMore>
          </tbody>
        </table>
      </ScrollRegion>
    </>
  );
}

function Heads(props: { runs: Run[] }) {
  return (
    <thead>
      <tr>
        <td />
        <For each={props.runs}>
          {(run) => (
            <th scope="col">
              <A href={`/experiments/${run.experimentId}/runs/${run.id}`}>{run.name}</A>
            </th>
          )}
        </For>
      </tr>
    </thead>
  );
}

function Heading(props: { title: string; columns: number }) {
  return (
    <tr class="heading">
      <th scope="rowgroup" colspan={props.columns + 1}>
        {props.title}
      </th>
    </tr>
  );
}

function Fact(props: { title: string; runs: Run[]; of: (run: Run) => unknown }) {
  return (
    <tr>
      <th scope="row">{props.title}</th>
      <For each={props.runs}>{(run) => <td>{props.of(run) as string}</td>}</For>
    </tr>
  );
}

/** Files that are not the same in all runs. */
function Files(props: { runs: Run[] }) {
  const ids = createMemo(() => props.runs.map((run) => run.id).join());
  const lists = createLoaded(ids, async (text) =>
    Promise.all(text.split(",").map(async (id) => [id, await listFiles(id)] as const)),
  );
  const rows = createMemo(() => {
    const found = new Map((lists.value() ?? []).map(([id, files]) => [id, files]));
    const of = (run: Run) =>
      new Map(
        (found.get(run.id) ?? []).map((file) => [
          file.path,
          `${bytes(file.size)} · ${file.sha256.slice(0, 8)}`,
        ]),
      );
    return rowsOf(props.runs, of).filter((row) => row.differs);
  });
  return (
    <>
      <Show when={lists.error()}>
        {(error) => <ErrorNote error={error()} again={lists.again} />}
      </Show>
      <Show
        when={rows().length}
        fallback={
          <p class="empty">
            {lists.loading() ? "Loading…" : "All artifacts are the same, or there are none."}
          </p>
        }
      >
        <ScrollRegion label="Differing artifacts" tall>
          <table class="compared">
            <Heads runs={props.runs} />
            <tbody>
              <For each={rows()}>
                {(row) => (
                  <tr>
                    <th scope="row">{row.key}</th>
                    <For each={row.texts}>{(text) => <td>{text}</td>}</For>
                  </tr>
                )}
              </For>
            </tbody>
          </table>
        </ScrollRegion>
      </Show>
    </>
  );
}
