// A list of which the first are shown, and more when they are asked for.

import { createEffect, createSignal, For, type JSX, on, Show } from "solid-js";
import { counted } from "./format";

export function ShowMore<Item>(props: {
  items: readonly Item[];
  /** How many are shown at first, and come with each step. */
  step: number;
  noun: string;
  /** What is around the button, such as a row of a table. */
  around?: (button: JSX.Element) => JSX.Element;
  children: (item: Item) => JSX.Element;
}) {
  const [shown, setShown] = createSignal(props.step);
  createEffect(
    on(
      () => props.items.length === 0,
      () => setShown(props.step),
      { defer: true },
    ),
  );
  const left = () => props.items.length - shown();
  const button = () => (
    <button type="button" onClick={() => setShown(shown() + props.step)}>
      Show more of {counted(left(), props.noun)}
    </button>
  );
  return (
    <>
      <For each={props.items.slice(0, shown())}>{props.children}</For>
      <Show when={left() > 0}>{props.around ? props.around(button()) : button()}</Show>
    </>
  );
}
