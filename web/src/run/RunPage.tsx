// One run: overview, charts, artifacts, console, code.

import { A, useParams } from "@solidjs/router";
import { createEffect, createSignal, Match, Show, Switch } from "solid-js";
import { type Experiment, readExperiment } from "../api/experiments";
import { may } from "../api/rights";
import { deleteRuns, moveRuns, type Run, renameRun, restoreRuns } from "../api/runs";
import { useText } from "../parts/address";
import { CopyRuns } from "../parts/CopyRuns";
import { DeleteRuns } from "../parts/DeleteRuns";
import { ErrorNote } from "../parts/ErrorNote";
import { FormDialog } from "../parts/FormDialog";
import { counted } from "../parts/format";
import { createLoaded } from "../parts/loaded";
import { Menu } from "../parts/Menu";
import { MoveRuns } from "../parts/MoveRuns";
import { attempt, tell } from "../parts/notices";
import { StatusMark } from "../parts/StatusMark";
import { Tabs } from "../parts/Tabs";
import { createLiveRuns, type LiveRuns } from "../runs/liveRuns";
import { RunOverview } from "./RunOverview";
import "../style/run.css";
import { lazyPart } from "../parts/lazyPart";

const MetricCharts = lazyPart(() => import("../panels/MetricCharts"));
const RunArtifacts = lazyPart(() => import("./RunArtifacts"));
const RunMedia = lazyPart(() => import("./RunMedia"));
const RunConsole = lazyPart(() => import("./RunConsole"));
const RunCode = lazyPart(() => import("./RunCode"));
const RunAlerts = lazyPart(() => import("./RunAlerts"));

const TABS = {
  "": "Overview",
  charts: "Charts",
  media: "Media",
  artifacts: "Artifacts",
  console: "Console",
  code: "Code",
  alerts: "Alerts",
};

export default function RunPage() {
  const params = useParams<{ run: string }>();
  // What is shown, typed or unfolded of one run is none of another.
  return (
    <Show when={params.run} keyed>
      {(id) => <OneRun id={id} />}
    </Show>
  );
}

function OneRun(props: { id: string }) {
  const live = createLiveRuns(() => [props.id]);
  const [tab, setTab] = useText("tab");
  const run = () => live.runs()[0];
  const experiment = createLoaded(() => run()?.experimentId, readExperiment);
  const changeable = () => may(experiment.value(), "write");
  createEffect(() => {
    if (run()) document.title = `${run()?.name} · Runstream`;
  });
  return (
    <div class="page" classList={{ full: tab() === "console" }}>
      <Show when={live.error()}>{(error) => <ErrorNote error={error()} again={live.read} />}</Show>
      <Show
        when={run()}
        fallback={
          <Show when={!live.loading() && !live.error()} fallback={<p class="loading">Loading…</p>}>
            <section class="empty">
              <h1>There is no such run</h1>
              <p>There is no run {props.id}. It may have been purged.</p>
              <A href="/">All experiments</A>
            </section>
          </Show>
        }
      >
        {(now) => (
          <>
            <nav class="crumbs" aria-label="Breadcrumbs">
              <A href="/">Experiments</A> ›{" "}
              <A href={`/experiments/${now().experimentId}`}>
                {experiment.value()?.name ?? now().experimentId}
              </A>
            </nav>
            <div class="bar run-head">
              <h1>{now().name}</h1>
              <StatusMark status={now().status} />
              <Tabs label="Parts of the run" tabs={TABS} chosen={tab()} choose={setTab} />
              <Changes run={now()} live={live} changeable={changeable()} />
            </div>
            <Switch>
              <Match when={!tab()}>
                <RunOverview
                  run={now()}
                  live={live}
                  fixed={now().deleted || !changeable()}
                  charts={() => setTab("charts")}
                />
              </Match>
              <Match when={tab() === "charts"}>
                <MetricCharts live={live} />
              </Match>
              <Match when={tab() === "media" && now().id} keyed>
                <RunMedia run={now()} />
              </Match>
              <Match when={tab() === "artifacts"}>
                <RunArtifacts run={now()} />
              </Match>
              <Match when={tab() === "console"}>
                <RunConsole run={now()} live={live} />
              </Match>
              <Match when={tab() === "code"}>
                <RunCode run={now()} />
              </Match>
              <Match when={tab() === "alerts"}>
                <RunAlerts run={now()} mayWrite={changeable() && !now().deleted} />
              </Match>
            </Switch>
          </>
        )}
      </Show>
    </div>
  );
}

/** What can be done with the run. */
function Changes(props: { run: Run; live: LiveRuns; changeable: boolean }) {
  const [renaming, setRenaming] = createSignal(false);
  const [deleting, setDeleting] = createSignal(false);
  const [moving, setMoving] = createSignal(false);
  const [copying, setCopying] = createSignal(false);
  const isRunning = () => props.run.status === "RUNNING";
  const remove = (withChildren: boolean) =>
    attempt(async () => {
      const id = props.run.id;
      await deleteRuns([id], withChildren);
      await props.live.read();
      tell(`Deleted the run${withChildren ? " with child runs" : ""}`, () => restore(id));
    });
  const move = (to: Experiment) =>
    attempt(async () => {
      const from = props.run.experimentId;
      const moved = await moveRuns([props.run.id], to.id);
      tell(`Moved ${counted(moved.length, "run")} to ${to.name}`, async () => {
        await moveRuns(moved, from);
      });
    });
  const restore = async (id: string) => {
    await restoreRuns([id]);
    await props.live.read();
  };
  const ask = () => (props.run.children || isRunning() ? setDeleting(true) : remove(false));
  return (
    <Show
      when={!props.run.deleted}
      fallback={
        <>
          <span class="hint">deleted{props.run.deletedBy && ` by ${props.run.deletedBy}`}</span>
          <Show when={props.changeable}>
            <button type="button" onClick={() => attempt(() => restore(props.run.id))}>
              Restore
            </button>
          </Show>
        </>
      }
    >
      <Show when={props.changeable}>
        <Menu
          label="More about this run"
          items={[
            { label: "Rename", act: () => setRenaming(true) },
            { label: "Move to another experiment…", act: () => setMoving(true) },
            { label: "Copy to another experiment…", act: () => setCopying(true) },
            { label: "Delete", act: ask, isDanger: true },
          ]}
        />
      </Show>
      <Show when={deleting()}>
        <DeleteRuns
          runs={1}
          running={isRunning() ? 1 : 0}
          children={props.run.children}
          remove={remove}
          close={() => setDeleting(false)}
        />
      </Show>
      <Show when={moving()}>
        <MoveRuns
          runs={1}
          running={isRunning() ? 1 : 0}
          children={props.run.children}
          from={props.run.experimentId}
          move={move}
          close={() => setMoving(false)}
        />
      </Show>
      <Show when={copying()}>
        <CopyRuns
          ids={[props.run.id]}
          running={isRunning() ? 1 : 0}
          children={props.run.children}
          from={props.run.experimentId}
          close={() => setCopying(false)}
        />
      </Show>
      <Show when={renaming()}>
        <FormDialog
          title={`Rename ${props.run.name}`}
          fields={[{ label: "Name", value: props.run.name }]}
          action="Rename"
          done={([name = ""]) => renameRun(props.run.id, name)}
          close={() => setRenaming(false)}
        />
      </Show>
    </Show>
  );
}
