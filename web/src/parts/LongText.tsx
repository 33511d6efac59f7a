// A text of which the beginning is shown if it is long, and all when it is asked for.

import { createSignal, Show } from "solid-js";
import { count, short } from "./format";

export function LongText(props: { text: string }) {
  const [all, setAll] = createSignal(false);
  const cut = () => short(props.text);
  return (
    <>
      {all() ? props.text : cut()}
      <Show when={!all() && cut() !== props.text}>
        <button type="button" class="quiet" onClick={() => setAll(true)}>
          Show all {count(props.text.length)} characters
        </button>
      </Show>
    </>
  );
}
