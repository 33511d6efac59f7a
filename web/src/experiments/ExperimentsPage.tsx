// All experiments: search, create, rename, archive, delete and restore.

import { createMemo, createSignal, Show } from "solid-js";
import {
  archiveExperiment,
  deleteExperiment,
  type Experiment,
  restoreExperiment,
  type Stage,
  searchExperiments,
  tagWord,
} from "../api/experiments";
import { may, mayCreate } from "../api/rights";
import { caller } from "../api/session";
import { useText } from "../parts/address";
import { ErrorNote } from "../parts/ErrorNote";
import FirstRun from "../parts/FirstRun";
import { createLoaded } from "../parts/loaded";
import type { MenuItem } from "../parts/Menu";
import { createMorePages } from "../parts/morePages";
import { attempt, tell } from "../parts/notices";
import { poll } from "../parts/poll";
import { Tabs } from "../parts/Tabs";
import { ExperimentList } from "./ExperimentList";
import { ExperimentQuestion, type Question } from "./ExperimentQuestion";
import { pinned } from "./pinned";
import "../style/list.css";

const AGAIN_MS = 10_000;
const TABS = { "": "Active", archived: "Archived", deleted: "Deleted" };

export default function ExperimentsPage() {
  const [text, setText] = useText("search");
  const [view, setView] = useText("view");
  const stage = (): Stage =>
    (view() === "archived" || view() === "deleted" ? view() : "active") as Stage;
  const [asked, setAsked] = createSignal<Question>();
  const search = createMemo(() => [text(), stage()] as const);
  const first = createLoaded(search, ([words, now]) => searchExperiments(words, now));
  const more = createMorePages(search, ([words, now], token) =>
    searchExperiments(words, now, token),
  );
  // Those of a later page come first, too.
  const ofPinned = createLoaded(
    () => !!pinned().length && ([text(), stage(), pinned()] as const),
    ([words, now, ids]) => searchExperiments(words, now, "", ids),
  );
  document.title = "Experiments · Runstream";
  for (const page of [first, ofPinned]) poll(page, AGAIN_MS, () => !more.pages().length);

  const pages = () => [first.latest(), ...more.pages()].flatMap((page) => page ?? []);
  const list = () => {
    const rank = (experiment: Experiment) => (pinned().includes(experiment.id) ? 0 : 1);
    const above = pinned().length ? (ofPinned.latest()?.experiments ?? []) : [];
    const all = [...above, ...pages().flatMap((page) => page.experiments)];
    const each = [...new Map(all.map((experiment) => [experiment.id, experiment])).values()];
    return each.sort((a, b) => rank(a) - rank(b));
  };
  const next = () => pages().at(-1)?.next;
  const again = () => {
    more.forget();
    first.again();
    ofPinned.again();
  };
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

  const archive = (experiment: Experiment, archived: boolean) =>
    attempt(async () => {
      await archiveExperiment(experiment.id, archived);
      again();
      tell(`${archived ? "Archived" : "No longer archived:"} ${experiment.name}`, async () => {
        await archiveExperiment(experiment.id, !archived);
        again();
      });
    });
  const actions = (experiment: Experiment): MenuItem[] => {
    const owns = may(experiment, "own");
    const ask = (kind: "rename" | "delete" | "purge") => () => setAsked({ kind, experiment });
    // Experiment 0 always stays.
    const gone = owns && experiment.id !== "0";
    const forGood = { label: "Delete for good…", act: ask("purge"), isDanger: true };
    if (experiment.deleted) return gone ? [forGood] : [];
    const isArchived = experiment.archived;
    const toArchive = {
      label: isArchived ? "Unarchive" : "Archive",
      act: () => archive(experiment, !isArchived),
    };
    const toDelete = {
      label: "Delete",
      act: () => (experiment.running ? ask("delete")() : remove(experiment)),
      isDanger: true,
    };
    return [
      ...(owns ? [{ label: "Rename", act: ask("rename") }] : []),
      ...(may(experiment, "write") ? [toArchive] : []),
      ...(owns ? [toDelete] : []),
    ];
  };

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
      <Show
        when={list().length}
        fallback={<Nothing loading={first.loading()} text={text()} stage={stage()} />}
      >
        <ExperimentList
          experiments={list()}
          restore={restore}
          actions={actions}
          searchTag={(key, value) => setText(tagWord(key, value))}
        />
      </Show>
      <Show when={next()}>
        {(token) => (
          <button type="button" onClick={() => more.readNext(token())}>
            Show more
          </button>
        )}
      </Show>
      <Show when={asked()}>
        {(now) => (
          <ExperimentQuestion
            asked={now()}
            remove={remove}
            again={again}
            close={() => setAsked(undefined)}
          />
        )}
      </Show>
    </div>
  );
}

function Nothing(props: { loading: boolean; text: string; stage: Stage }) {
  return (
    <Show when={!props.loading} fallback={<p class="loading">Loading…</p>}>
      <Show
        when={props.text}
        fallback={
          <Show when={props.stage !== "active"} fallback={<NoExperiment />}>
            <p class="empty">No experiment is {props.stage}.</p>
          </Show>
        }
      >
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
