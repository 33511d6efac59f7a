// A text of which the beginning is shown if it is long, and all when it is asked for.

import { createSignal, Show } from "solid-js";
import { count } from "./format";

const SHOWN = 240;
const SHOWN_LINES = 4;

export function LongText(props: { text: string }) {
  const [all, setAll] = createSignal(false);
  const end = () => endOfShown(props.text);
  const isLong = () => end() < props.text.length;
  const told = () => `${all() ? "less" : "more"} of ${count(props.text.length)} characters`;
  return (
    <span class="long">
      {all() || !isLong() ? props.text : `${props.text.slice(0, end())}…`}
      <Show when={isLong()}>
        {" "}
        <button
          type="button"
          class="quiet"
          aria-label={`Show ${told()}`}
          aria-expanded={all()}
          onClick={() => setAll(!all())}
        >
          {all() ? "less" : told()}
        </button>
      </Show>
    </span>
  );
}

/** Returns how many characters of a text are shown: those of its first lines. */
function endOfShown(text: string): number {
  // A little more is shown rather than a button.
  const beginning = text.length > SHOWN * 1.25 ? text.slice(0, SHOWN) : text;
  const lines = beginning.split("\n");
  if (lines.length <= SHOWN_LINES + 1) return beginning.length;
  return lines.slice(0, SHOWN_LINES).join("\n").length;
}
