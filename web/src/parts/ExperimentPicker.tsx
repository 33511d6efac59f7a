// Chooses one of the experiments that somebody may write to, however many there are.

import { createSignal, createUniqueId, For, Show } from "solid-js";
import { type Experiment, searchExperiments } from "../api/experiments";
import { may } from "../api/rights";
import { ErrorNote } from "./ErrorNote";
import { createLoaded } from "./loaded";

const MOST_SHOWN = 50;

export function ExperimentPicker(props: {
  /** An experiment that cannot be chosen. */
  without: string;
  action: string;
  choose: (experiment: Experiment) => void;
  cancel: () => void;
}) {
  const group = createUniqueId();
  const [text, setText] = createSignal("");
  const [chosen, setChosen] = createSignal("");
  const found = createLoaded(
    () => [text()] as const,
    ([words]) => searchExperiments(words, "active"),
  );
  const all = () =>
    (found.latest()?.experiments ?? []).filter(
      (experiment) => experiment.id !== props.without && may(experiment, "write"),
    );
  const hasMore = () => all().length > MOST_SHOWN || !!found.latest()?.next;
  const inSight = () => all().slice(0, MOST_SHOWN);
  const byId = (id: string) => inSight().find((experiment) => experiment.id === id);
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const experiment = byId(chosen());
    if (experiment) props.choose(experiment);
  };
  return (
    <form class="ask" onSubmit={submit}>
      <input
        type="search"
        aria-label="Search experiments by name or tag"
        placeholder="Search experiments"
        value={text()}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <Show when={found.error()}>
        {(error) => <ErrorNote error={error()} again={found.again} />}
      </Show>
      <fieldset class="picks">
        <legend class="unseen">Experiment</legend>
        {/* By their ids: one that is read again keeps its focus. */}
        <For
          each={inSight().map((experiment) => experiment.id)}
          fallback={
            <p class="hint">
              {found.loading() ? "Loading…" : "No other experiment that you may write to."}
            </p>
          }
        >
          {(id) => (
            <label>
              <input
                type="radio"
                name={group}
                checked={chosen() === id}
                onChange={() => setChosen(id)}
              />
              {byId(id)?.name}
            </label>
          )}
        </For>
        <Show when={hasMore()}>
          <p class="hint">There are more: search for a word of the name.</p>
        </Show>
      </fieldset>
      <footer>
        <button type="button" onClick={() => props.cancel()}>
          Cancel
        </button>
        <button type="submit" class="primary" disabled={!byId(chosen())}>
          {props.action}
        </button>
      </footer>
    </form>
  );
}
