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
  const [chosen, setChosen] = createSignal<Experiment>();
  const found = createLoaded(
    () => [text()] as const,
    ([words]) => searchExperiments(words, "active"),
  );
  const all = () =>
    (found.latest()?.experiments ?? []).filter(
      (experiment) => experiment.id !== props.without && may(experiment, "write"),
    );
  const hasMore = () => all().length > MOST_SHOWN || !!found.latest()?.next;
  // What is not in sight is not chosen.
  const isShown = () =>
    all()
      .slice(0, MOST_SHOWN)
      .some(({ id }) => id === chosen()?.id);
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const experiment = chosen();
    if (experiment && isShown()) props.choose(experiment);
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
      <fieldset class="choices">
        <legend class="unseen">Experiment</legend>
        <For
          each={all().slice(0, MOST_SHOWN)}
          fallback={
            <p class="hint">
              {found.loading() ? "Loading…" : "No other experiment that you may write to."}
            </p>
          }
        >
          {(experiment) => (
            <label>
              <input
                type="radio"
                name={group}
                checked={chosen()?.id === experiment.id}
                onChange={() => setChosen(experiment)}
              />
              {experiment.name}
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
        <button type="submit" class="primary" disabled={!isShown()}>
          {props.action}
        </button>
      </footer>
    </form>
  );
}
