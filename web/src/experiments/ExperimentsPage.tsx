// All experiments: search, create, rename, delete and restore.

import { useNavigate } from "@solidjs/router";
import { createEffect, createSignal, on, onCleanup, Show } from "solid-js";
import {
  createExperiment,
  deleteExperiment,
  type Experiment,
  type ExperimentPage,
  renameExperiment,
  restoreExperiment,
  searchExperiments,
  tagWord,
} from "../api/experiments";
import { mayCreate } from "../api/rights";
import { caller } from "../api/session";
import { useText } from "../parts/address";
import { DeleteForGood } from "../parts/DeleteForGood";
import { ErrorNote } from "../parts/ErrorNote";
import { FirstRun } from "../parts/FirstRun";
import { FormDialog } from "../parts/FormDialog";
import { createLoaded } from "../parts/loaded";
import { attempt, tell } from "../parts/notices";
import { Tabs } from "../parts/Tabs";
import { ExperimentList } from "./ExperimentList";
import { pinned } from "./pinned";
import "../style/list.css";

const AGAIN_MS = 10_000;
const TABS = { "": "Active", deleted: "Deleted" };

type Asked = { kind: "create" } | { kind: "rename" | "purge"; experiment: Experiment };

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
  // Those of a later page come first, too.
  const ofPinned = createLoaded(
    () => !!pinned().length && ([text(), deleted(), pinned()] as const),
    ([words, gone, ids]) => searchExperiments(words, gone, "", ids),
  );
  createEffect(on([text, deleted], () => setMore([])));
  document.title = "Experiments · Runstream";
  const readAgain = () => {
    first.again();
    ofPinned.again();
  };
  const timer = setInterval(() => !more().length && !document.hidden && readAgain(), AGAIN_MS);
  onCleanup(() => clearInterval(timer));

  const pages = () => [first.latest(), ...more()].flatMap((page) => page ?? []);
  const list = () => {
    const rank = (experiment: Experiment) => (pinned().includes(experiment.id) ? 0 : 1);
    const above = pinned().length ? (ofPinned.latest()?.experiments ?? []) : [];
    const all = [...above, ...pages().flatMap((page) => page.experiments)];
    const each = [...new Map(all.map((experiment) => [experiment.id, experiment])).values()];
    return each.sort((a, b) => rank(a) - rank(b));
  };
  const next = () => pages().at(-1)?.next;
  const again = () => {
    setMore([]);
    readAgain();
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
          aria-label="Search experiments by name or tag"
          placeholder="Name, or team=vision"
          value={text()}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <Show when={mayCreate()}>
          <button type="button" class="primary" onClick={() => setAsked({ kind: "create" })}>
            New experiment
          </button>
        </Show>
        <Tabs label="Which experiments" tabs={TABS} chosen={view()} choose={setView} />
      </div>
      <Show when={first.error()}>{(error) => <ErrorNote error={error()} again={again} />}</Show>
      <Show when={list().length} fallback={<Nothing loading={first.loading()} text={text()} />}>
        <ExperimentList
          experiments={list()}
          rename={(experiment) => setAsked({ kind: "rename", experiment })}
          remove={remove}
          restore={restore}
          purge={(experiment) => setAsked({ kind: "purge", experiment })}
          searchTag={(key, value) => setText(tagWord(key, value))}
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

function Nothing(props: { loading: boolean; text: string }) {
  return (
    <Show when={!props.loading} fallback={<p class="loading">Loading…</p>}>
      <Show when={props.text} fallback={<NoExperiment />}>
        <p class="empty">No experiment has “{props.text}” in its name or as a tag.</p>
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
  if (asked.kind === "purge")
    return (
      <DeleteForGood
        title={`Delete ${asked.experiment.name} for good`}
        experimentId={asked.experiment.id}
        experiment={asked.experiment.name}
        runIds={[]}
        changed={props.again}
        close={props.close}
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
