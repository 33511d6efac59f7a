// A note: markdown, shown as what it is where that can be done in time, else as it was written.

import DOMPurify from "dompurify";
import { createMemo, Show } from "solid-js";
import { readable } from "../parts/format";
import { createLoaded } from "../parts/loaded";
import { render } from "../render/render";

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
      {(html) => <div class="notes" innerHTML={clean(html())} />}
    </Show>
  );
}

DOMPurify.addHook("afterSanitizeAttributes", (node) => {
  if (node.tagName === "IMG" && !node.hasAttribute("alt")) node.setAttribute("alt", "");
});

/** Returns HTML without anything that runs, loads or looks like a part of the page. */
function clean(html: string): string {
  return DOMPurify.sanitize(html, {
    USE_PROFILES: { html: true },
    FORBID_TAGS: ["style", "form", "input", "button", "textarea", "select", "iframe"],
    FORBID_ATTR: ["style", "class", "id", "name"],
  });
}
