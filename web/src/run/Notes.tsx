// The notes of a run: markdown, shown as such and edited in place.

import DOMPurify from "dompurify";
import { Marked } from "marked";
import { createSignal, Show } from "solid-js";
import { type ApiError, shown } from "../api/client";
import { NOTE_TAG, setTag } from "../api/runs";
import { ErrorNote } from "../parts/ErrorNote";

export default function Notes(props: { runId: string; text: string; fixed: boolean }) {
  const [edited, setEdited] = createSignal<string>();
  // What the notes were when somebody began to edit them.
  const [before, setBefore] = createSignal("");
  const [error, setError] = createSignal<ApiError>();
  const edit = () => {
    setBefore(props.text);
    setEdited(props.text);
  };
  const save = async () => {
    try {
      await setTag(props.runId, NOTE_TAG, edited() ?? "");
      setError(undefined);
      setEdited(undefined);
    } catch (failure) {
      setError(shown(failure));
    }
  };
  return (
    <Show
      when={edited() !== undefined}
      fallback={
        <>
          <Show when={props.text} fallback={<p class="hint">None yet.</p>}>
            <div class="notes" innerHTML={rendered(props.text)} />
          </Show>
          <Show when={!props.fixed}>
            <button type="button" onClick={edit}>
              {props.text ? "Edit notes" : "Write notes"}
            </button>
          </Show>
        </>
      }
    >
      <textarea
        class="notes"
        aria-label="Notes, in markdown"
        rows={Math.min(30, Math.max(8, (edited() ?? "").split("\n").length + 2))}
        value={edited()}
        onInput={(event) => setEdited(event.currentTarget.value)}
        ref={(area) => setTimeout(() => area.focus())}
        onKeyDown={(event) => {
          // What somebody typed is given up by the button alone.
          if (event.key === "Escape" && edited() === before()) setEdited(undefined);
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) save();
        }}
      />
      <Show when={props.text !== before()}>
        <p role="alert">Somebody else changed these notes meanwhile; Save replaces them.</p>
      </Show>
      <Show when={error()}>{(now) => <ErrorNote error={now()} />}</Show>
      <div class="bar">
        <button type="button" class="primary" onClick={save}>
          Save
        </button>
        <button type="button" onClick={() => setEdited(undefined)}>
          Cancel
        </button>
      </div>
    </Show>
  );
}

// The headings of a note stand below those of the page.
const markdown = new Marked({
  gfm: true,
  breaks: true,
  renderer: {
    heading({ tokens, depth }) {
      const level = Math.min(6, depth + 2);
      return `<h${level}>${this.parser.parseInline(tokens)}</h${level}>`;
    },
  },
});

DOMPurify.addHook("afterSanitizeAttributes", (node) => {
  if (node.tagName === "IMG" && !node.hasAttribute("alt")) node.setAttribute("alt", "");
});

/** Returns markdown as HTML without anything that runs, loads or looks like a part of the page. */
function rendered(text: string): string {
  const html = markdown.parse(text, { async: false });
  return DOMPurify.sanitize(html, {
    USE_PROFILES: { html: true },
    FORBID_TAGS: ["style", "form", "input", "button", "textarea", "select", "iframe"],
    FORBID_ATTR: ["style", "class", "id", "name"],
  });
}
