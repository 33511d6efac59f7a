// A note: markdown, shown as what it is where that can be done in time, else as it was written.

import { createMemo, Show } from "solid-js";
import { readable } from "../parts/format";
import { createLoaded } from "../parts/loaded";
import { render } from "../render/render";
import { cleanHtml } from "./cleanHtml";

export default function MarkdownText(props: { text: string }) {
  const text = createMemo(() => readable(props.text));
  const made = createLoaded(text, (text) => render({ kind: "markdown", text, name: "" }));
  return (
    <Show
      when={!made.loading() && made.value()?.html}
      fallback={
        <div class="notes plain" aria-busy={made.loading()}>
          {text()}
        </div>
      }
    >
      {(html) => <div class="notes" innerHTML={cleanHtml(html())} />}
    </Show>
  );
}
