// What may be meant, where a filter finds no runs.

import { For, Show } from "solid-js";
import { readFilterHints, type View } from "../api/filters";
import { createLoaded } from "../parts/loaded";
import { isKey, tokensOf } from "./filterText";

export default function FilterHints(props: {
  experimentId: string;
  filter: string;
  view: View;
  apply: (filter: string) => void;
}) {
  const hints = createLoaded(
    () => ({ id: props.experimentId, filter: props.filter, view: props.view }),
    ({ id, filter, view }) => readFilterHints(id, filter, view),
  );
  const replaced = (column: number, key: string) => {
    const token = tokensOf(props.filter).find(({ start }) => start === column - 1);
    if (!token) return props.filter;
    return (
      props.filter.slice(0, token.start) + key + props.filter.slice(token.start + token.text.length)
    );
  };
  return (
    <div class="empty" role="status">
      <p>The filter finds no runs.</p>
      <For each={hints.value()}>
        {(hint) => (
          <p>
            {hint.message}{" "}
            <For each={hint.similar.filter(isKey)}>
              {(key) => (
                <button type="button" onClick={() => props.apply(replaced(hint.column, key))}>
                  {key}
                </button>
              )}
            </For>
          </p>
        )}
      </For>
      <Show when={props.filter}>
        <button type="button" class="quiet" onClick={() => props.apply("")}>
          Show all runs
        </button>
      </Show>
    </div>
  );
}
