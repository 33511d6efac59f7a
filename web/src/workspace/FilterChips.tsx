// The conditions of a filter, each of which can be changed and removed.

import { For, Show } from "solid-js";
import { labelOf } from "./filterText";
import { isMine } from "./ownRuns";

export function FilterChips(props: {
  parts: string[];
  /** Which of them is in the field. */
  editing: number | undefined;
  edit: (index: number) => void;
  remove: (index: number) => void;
}) {
  const label = (part: string) => (isMine(part) ? "My runs" : labelOf(part));
  return (
    <For each={props.parts}>
      {(part, index) => (
        <Show when={props.editing !== index()}>
          <span class="chip">
            <button
              type="button"
              class="what"
              title={part}
              aria-label={`Edit ${label(part)}`}
              onClick={() => props.edit(index())}
            >
              {label(part)}
            </button>
            <button
              type="button"
              class="remove"
              aria-label={`Remove ${label(part)}`}
              onClick={() => props.remove(index())}
            >
              ×
            </button>
          </span>
        </Show>
      )}
    </For>
  );
}
