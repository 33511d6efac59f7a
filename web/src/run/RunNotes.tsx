// The notes of a run: markdown, shown as such and edited in place.

import { createSignal, lazy, Show } from "solid-js";
import { type ApiError, shown } from "../api/client";
import { part } from "../api/connection";
import { NOTE_TAG, setTag } from "../api/runs";
import { ErrorNote } from "../parts/ErrorNote";

const MarkdownText = lazy(() => part(() => import("../files/MarkdownText")));

export function RunNotes(props: { runId: string; text: string; fixed: boolean }) {
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
            <MarkdownText text={props.text} />
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
