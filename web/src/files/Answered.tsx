// What a preview was answered, or why there is nothing yet.

import { type Accessor, type JSX, Show } from "solid-js";
import { ErrorNote } from "../parts/ErrorNote";
import type { createLoaded } from "../parts/loaded";

export function Answered<Value>(props: {
  of: ReturnType<typeof createLoaded<unknown, Value>>;
  children: (value: Accessor<NonNullable<Value>>) => JSX.Element;
}) {
  return (
    <>
      <Show when={props.of.error()}>
        {(error) => <ErrorNote error={error()} again={props.of.again} />}
      </Show>
      <Show
        when={props.of.value()}
        fallback={
          <Show when={props.of.loading()}>
            <p class="hint" aria-busy="true">
              Loading…
            </p>
          </Show>
        }
      >
        {(value) => props.children(value)}
      </Show>
    </>
  );
}
