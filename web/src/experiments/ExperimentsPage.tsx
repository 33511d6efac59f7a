// All experiments: search, create, rename, delete and restore.

import { A, useNavigate } from "@solidjs/router";
import { createEffect, createSignal, For, on, onCleanup, Show } from "solid-js";
import {
  createExperiment,
  deleteExperiment,
  type Experiment,
  type ExperimentPage,
  renameExperiment,
  restoreExperiment,
  searchExperiments,
} from "../api/experiments";
import { may, mayCreate } from "../api/rights";
import { caller } from "../api/session";
import { useText } from "../parts/address";
import { ErrorNote } from "../parts/ErrorNote";
import { FirstRun } from "../parts/FirstRun";
import { FormDialog } from "../parts/FormDialog";
import { ago, count, time } from "../parts/format";
import { createLoaded } from "../parts/loaded";
import { attempt, tell } from "../parts/notices";
import "../style/list.css";

const AGAIN_MS = 10_000;

type Asked = { kind: "create" } | { kind: "rename"; experiment: Experiment };

export default function ExperimentsPage() {
  const [text, setText] = useText("search");
  const [view, setView] = useText("view");
  const deleted = () => view() === "deleted";
  const [more, setMore] = createSignal<ExperimentPage[]>([]);
  const [asked, setAsked] = createSignal<Asked>();
  const first = createLoaded(
    () => [text(), deleted()] as const,
    ([name, gone]) => searchExperiments(name, gone),
  );
  createEffect(on([text, deleted], () => setMore([])));
  document.title = "Experiments · Runstream";
  const timer = setInterval(() => !more().length && !document.hidden && first.again(), AGAIN_MS);
  onCleanup(() => clearInterval(timer));

  const pages = () => [first.latest(), ...more()].flatMap((page) => page ?? []);
  const list = () => pages().flatMap((page) => page.experiments);
  const next = () => pages().at(-1)?.next;
  const again = () => {
    setMore([]);
    first.again();
  };
  const showMore = () =>
    attempt(async () => {
      const page = await searchExperiments(text(), deleted(), next());
      setMore((pages) => [...pages, page]);
    });
  const remove = (experiment: Experiment) =>
    attempt(async () => {
      await deleteExperiment(experiment.id);
      again();
      tell(`Deleted ${experiment.name} with its runs`, async () => {
        await restoreExperiment(experiment.id);
        again();
      });
    });
  const restore = (experiment: Experiment) =>
    attempt(async () => {
      await restoreExperiment(experiment.id);
      again();
      tell(`Restored ${experiment.name}`);
    });

  return (
    <div class="page">
      <div class="bar">
        <h1>Experiments</h1>
        <input
          type="search"
          data-search
          aria-label="Search experiments by name"
          placeholder="Search by name"
          value={text()}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <select
          aria-label="Which experiments"
          value={view()}
          onChange={(event) => setView(event.currentTarget.value)}
        >
          <option value="">Active</option>
          <option value="deleted">Deleted</option>
        </select>
        <Show when={mayCreate()}>
          <button type="button" class="primary" onClick={() => setAsked({ kind: "create" })}>
            New experiment
          </button>
        </Show>
      </div>
      <Show when={first.error()}>{(error) => <ErrorNote error={error()} again={again} />}</Show>
      <Show when={list().length} fallback={<Nothing loading={first.loading()} text={text()} />}>
        <List
          experiments={list()}
          rename={(experiment) => setAsked({ kind: "rename", experiment })}
          remove={remove}
          restore={restore}
        />
      </Show>
      <Show when={next()}>
        <button type="button" onClick={showMore}>
          Show more
        </button>
      </Show>
      <Show when={asked()}>
        {(now) => <Question asked={now()} again={again} close={() => setAsked(undefined)} />}
      </Show>
    </div>
  );
}

function List(props: {
  experiments: Experiment[];
  rename: (experiment: Experiment) => void;
  remove: (experiment: Experiment) => void;
  restore: (experiment: Experiment) => void;
}) {
  return (
    <table class="list">
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col" class="number">
            Runs
          </th>
          <th scope="col" class="number">
            Running
          </th>
          <th scope="col">Last activity</th>
          <th scope="col" class="wide-only">
            Created
          </th>
          <th scope="col">
            <span class="unseen">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        <For each={props.experiments}>
          {(experiment) => (
            <tr>
              <th scope="row">
                <A href={`/experiments/${experiment.id}`}>{experiment.name}</A>
                <Show when={experiment.deletedBy}>
                  {(by) => <span class="hint"> deleted by {by()}</span>}
                </Show>
              </th>
              <td class="number">{count(experiment.runs)}</td>
              <td class="number">{experiment.running ? count(experiment.running) : ""}</td>
              <td title={time(experiment.lastActivity)}>
                {ago(experiment.lastActivity, Date.now())}
              </td>
              <td class="wide-only">{time(experiment.created)}</td>
              <td class="actions">
                <Show when={may(experiment, "own")}>
                  <Show
                    when={!experiment.deleted}
                    fallback={
                      <button type="button" onClick={() => props.restore(experiment)}>
                        Restore<span class="unseen"> {experiment.name}</span>
                      </button>
                    }
                  >
                    <button type="button" onClick={() => props.rename(experiment)}>
                      Rename<span class="unseen"> {experiment.name}</span>
                    </button>
                    <button type="button" onClick={() => props.remove(experiment)}>
                      Delete<span class="unseen"> {experiment.name}</span>
                    </button>
                  </Show>
                </Show>
              </td>
            </tr>
          )}
        </For>
      </tbody>
    </table>
  );
}

function Nothing(props: { loading: boolean; text: string }) {
  return (
    <Show when={!props.loading} fallback={<p class="loading">Loading…</p>}>
      <Show when={props.text} fallback={<NoExperiment />}>
        <p class="empty">No experiment's name contains “{props.text}”.</p>
      </Show>
    </Show>
  );
}

function NoExperiment() {
  return (
    <Show
      when={mayCreate()}
      fallback={<p class="empty">No experiment is granted to you. Owners and admins do that.</p>}
    >
      {/* What names no experiment goes to `Default`, which only admins see to begin with. */}
      <FirstRun experiment={caller()?.role === "writer" ? "first experiment" : undefined} />
    </Show>
  );
}

function Question(props: { asked: Asked; again: () => void; close: () => void }) {
  const navigate = useNavigate();
  const asked = props.asked;
  if (asked.kind === "create")
    return (
      <FormDialog
        title="New experiment"
        fields={[{ label: "Name" }]}
        action="Create"
        close={props.close}
        done={async ([name = ""]) => navigate(`/experiments/${await createExperiment(name)}`)}
      />
    );
  return (
    <FormDialog
      title={`Rename ${asked.experiment.name}`}
      fields={[{ label: "Name", value: asked.experiment.name }]}
      action="Rename"
      close={props.close}
      done={async ([name = ""]) => {
        await renameExperiment(asked.experiment.id, name);
        props.again();
      }}
    />
  );
}
