// The table of experiments: pinned ones first, with what somebody wrote about them and what happens.

import { A } from "@solidjs/router";
import { createMemo, For, Show } from "solid-js";
import type { Experiment } from "../api/experiments";
import { may } from "../api/rights";
import { ago, count, time } from "../parts/format";
import { Menu, type MenuItem } from "../parts/Menu";
import { Description } from "./Description";
import { pinned, togglePinned } from "./pinned";
import { Sparkline } from "./Sparkline";

const MOST_TAGS = 6;

export function ExperimentList(props: {
  experiments: Experiment[];
  restore: (experiment: Experiment) => void;
  /** What else can be done with one, in its menu. */
  actions: (experiment: Experiment) => MenuItem[];
  /** Searches for the experiments with a tag. */
  searchTag: (key: string, value: string) => void;
}) {
  const byId = createMemo(
    () => new Map(props.experiments.map((experiment) => [experiment.id, experiment])),
  );
  return (
    <table class="list">
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col" class="number">
            Runs
          </th>
          <th scope="col" class="number wide-only">
            Running
          </th>
          <th scope="col">Last activity</th>
          <th scope="col" class="wide-only">
            Runs per day
          </th>
          <th scope="col" class="wide-only">
            Created
          </th>
          <th scope="col">
            <span class="unseen">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {/* By their ids: a row that is read again keeps its focus, and its description open. */}
        <For each={props.experiments.map((experiment) => experiment.id)}>
          {(id) => (
            <Show when={byId().get(id)}>
              {(experiment) => (
                <tr>
                  <th scope="row">
                    <button
                      type="button"
                      class="quiet pin"
                      aria-pressed={pinned().includes(experiment().id)}
                      aria-label={`Pin ${experiment().name}`}
                      title="Pinned experiments come first, in this browser"
                      onClick={() => togglePinned(experiment().id)}
                    >
                      {pinned().includes(experiment().id) ? "★" : "☆"}
                    </button>
                    <A href={`/experiments/${experiment().id}`}>{experiment().name}</A>
                    <For each={experiment().tags.slice(0, MOST_TAGS)}>
                      {([key, value]) => (
                        <button
                          type="button"
                          class="tag"
                          title={`Search for ${key}=${value}`}
                          onClick={() => props.searchTag(key, value)}
                        >
                          {key}={value}
                        </button>
                      )}
                    </For>
                    <Show when={experiment().deletedBy}>
                      {(by) => <span class="hint"> deleted by {by()}</span>}
                    </Show>
                    <Show when={experiment().description}>
                      {(text) => <Description name={experiment().name} text={text()} />}
                    </Show>
                  </th>
                  <td class="number">{count(experiment().runs)}</td>
                  <td class="number wide-only">
                    {experiment().running ? count(experiment().running) : ""}
                  </td>
                  <td title={time(experiment().lastActivity)}>
                    {ago(experiment().lastActivity, Date.now())}
                  </td>
                  <td class="wide-only">
                    <Show when={experiment().days.length}>
                      <Sparkline days={experiment().days} />
                    </Show>
                  </td>
                  <td class="wide-only">{time(experiment().created)}</td>
                  <td class="actions">
                    <Show when={experiment().deleted && may(experiment(), "own")}>
                      <button type="button" onClick={() => props.restore(experiment())}>
                        Restore<span class="unseen"> {experiment().name}</span>
                      </button>
                    </Show>
                    <Show when={props.actions(experiment()).length}>
                      <Menu
                        label={`Actions for ${experiment().name}`}
                        items={props.actions(experiment())}
                      />
                    </Show>
                  </td>
                </tr>
              )}
            </Show>
          )}
        </For>
      </tbody>
    </table>
  );
}
