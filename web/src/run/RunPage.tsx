// One run: overview, charts, artifacts, console.

import { A, useParams } from "@solidjs/router";
import { createEffect, createSignal, lazy, Match, Show, Switch } from "solid-js";
import { part } from "../api/connection";
import { readExperiment } from "../api/experiments";
import { may } from "../api/rights";
import { deleteRuns, renameRun, restoreRuns } from "../api/runs";
import { useText } from "../parts/address";
import { DeleteRuns } from "../parts/DeleteRuns";
import { ErrorNote } from "../parts/ErrorNote";
import { FormDialog } from "../parts/FormDialog";
import { createLoaded } from "../parts/loaded";
import { attempt, tell } from "../parts/notices";
import { StatusMark } from "../parts/StatusMark";
import { Tabs } from "../parts/Tabs";
import { createLiveRuns } from "../runs/liveRuns";
import { RunOverview } from "./RunOverview";
import "../style/run.css";

const MetricCharts = lazy(() => part(() => import("../panels/MetricCharts")));
const RunArtifacts = lazy(() => part(() => import("./RunArtifacts")));
const RunConsole = lazy(() => part(() => import("./RunConsole")));

const TABS = { "": "Overview", charts: "Charts", artifacts: "Artifacts", console: "Console" };

export default function RunPage() {
  const params = useParams<{ run: string }>();
  const live = createLiveRuns(() => [params.run]);
  const [tab, setTab] = useText("tab");
  const [renaming, setRenaming] = createSignal(false);
  const [deleting, setDeleting] = createSignal(false);
  const run = () => live.runs()[0];
  const experiment = createLoaded(() => run()?.experimentId, readExperiment);
  const changeable = () => may(experiment.value(), "write");
  createEffect(() => {
    if (run()) document.title = `${run()?.name} · Runstream`;
  });
  const remove = (id: string, withChildren: boolean) =>
    attempt(async () => {
      await deleteRuns([id], withChildren);
      await live.read();
      tell(`Deleted the run${withChildren ? " with child runs" : ""}`, () => restore(id));
    });
  const restore = async (id: string) => {
    await restoreRuns([id]);
    await live.read();
  };
  return (
    <div class="page" classList={{ full: tab() === "console" }}>
      <Show when={live.error()}>{(error) => <ErrorNote error={error()} again={live.read} />}</Show>
      <Show
        when={run()}
        fallback={
          <Show when={!live.loading() && !live.error()} fallback={<p class="loading">Loading…</p>}>
            <p class="empty">There is no run {params.run}. It may have been purged.</p>
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
            <div class="bar">
              <h1>{now().name}</h1>
              <StatusMark status={now().status} />
              <Tabs label="Parts of the run" tabs={TABS} chosen={tab()} choose={setTab} />
              <Show
                when={!now().deleted}
                fallback={
                  <>
                    <span class="hint">deleted{now().deletedBy && ` by ${now().deletedBy}`}</span>
                    <Show when={changeable()}>
                      <button type="button" onClick={() => attempt(() => restore(now().id))}>
                        Restore
                      </button>
                    </Show>
                  </>
                }
              >
                <Show when={changeable()}>
                  <button type="button" onClick={() => setRenaming(true)}>
                    Rename
                  </button>
                  <button
                    type="button"
                    onClick={() => (now().children ? setDeleting(true) : remove(now().id, false))}
                  >
                    Delete
                  </button>
                </Show>
              </Show>
            </div>
            <Switch>
              <Match when={!tab()}>
                <RunOverview run={now()} fixed={now().deleted || !changeable()} />
              </Match>
              <Match when={tab() === "charts"}>
                <MetricCharts live={live} />
              </Match>
              <Match when={tab() === "artifacts"}>
                <RunArtifacts runId={now().id} />
              </Match>
              <Match when={tab() === "console" && now().id} keyed>
                <RunConsole run={now()} live={live} />
              </Match>
            </Switch>
            <Show when={deleting()}>
              <DeleteRuns
                runs={1}
                children={now().children}
                remove={(withChildren) => remove(now().id, withChildren)}
                close={() => setDeleting(false)}
              />
            </Show>
            <Show when={renaming()}>
              <FormDialog
                title={`Rename ${now().name}`}
                fields={[{ label: "Name", value: now().name }]}
                action="Rename"
                done={([name = ""]) => renameRun(now().id, name)}
                close={() => setRenaming(false)}
              />
            </Show>
          </>
        )}
      </Show>
    </div>
  );
}
