// A field of a form with its name, a hint, and what is wrong with it beside it.

import { createUniqueId, type JSX, Show } from "solid-js";

export function Labelled(props: {
  label: string;
  hint?: string | undefined;
  error: string | undefined;
  /** Makes the field of an id; `about` is the id of what is said about it. */
  children: (id: string, about: string) => JSX.Element;
}) {
  const id = createUniqueId();
  return (
    <div class="labelled">
      <label for={id}>{props.label}</label>
      {props.children(id, `${id}-about`)}
      <div id={`${id}-about`}>
        <Show when={props.hint}>
          <p class="hint">{props.hint}</p>
        </Show>
        <Show when={props.error}>
          <p class="wrong" role="alert">
            {props.error}
          </p>
        </Show>
      </div>
    </div>
  );
}
