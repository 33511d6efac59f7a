// The notes of a run: markdown, shown as such and edited in place. What is typed and not saved stays
// in the tab, until it is saved or given up: somebody who leaves the page finds it again.

import { createEffect, createSignal, onCleanup, Show, untrack } from "solid-js";
import { type ApiError, shown } from "../api/client";
import { NOTE_TAG, setTag } from "../api/runs";
import { ErrorNote } from "../parts/ErrorNote";
import { lazyPart } from "../parts/lazyPart";
import { tell } from "../parts/notices";

const MarkdownText = lazyPart(() => import("../files/MarkdownText"));

/** What somebody typed, and what the notes were when they began. */
interface Draft {
  text: string;
  before: string;
}

export function RunNotes(props: { runId: string; name: string; text: string; fixed: boolean }) {
  const kept = keptDrafts(props.runId);
  const [draft, setDraft] = createSignal<Draft>();
  const [isOld, setOld] = createSignal(false);
  const [error, setError] = createSignal<ApiError>();
  const isUnsaved = () => draft() !== undefined && draft()?.text !== draft()?.before;
  // What somebody may do is known a moment later.
  createEffect(() => {
    const old = props.fixed || untrack(draft) ? undefined : kept.read();
    if (!old) return;
    setOld(true);
    setDraft(old);
  });
  const begin = () => setDraft({ text: props.text, before: props.text });
  const type = (text: string) => {
    const next = { text, before: draft()?.before ?? "" };
    setDraft(next);
    kept.write(next);
  };
  const end = () => {
    kept.write(undefined);
    setOld(false);
    setError(undefined);
    setDraft(undefined);
  };
  const save = async () => {
    try {
      await setTag(props.runId, NOTE_TAG, draft()?.text ?? "");
      end();
    } catch (failure) {
      setError(shown(failure));
    }
  };
  const warn = (event: BeforeUnloadEvent) => isUnsaved() && event.preventDefault();
  window.addEventListener("beforeunload", warn);
  onCleanup(() => {
    window.removeEventListener("beforeunload", warn);
    if (isUnsaved()) tell(`The notes of ${props.name} are not saved: open it again to go on.`);
  });
  return (
    <Show
      when={draft() !== undefined}
      fallback={
        <>
          <Show when={props.text} fallback={<p class="hint">None yet.</p>}>
            <div class="notes-shown" tabindex="0" role="region" aria-label="Notes">
              <MarkdownText text={props.text} />
            </div>
          </Show>
          <Show when={!props.fixed}>
            <button type="button" onClick={begin}>
              {props.text ? "Edit notes" : "Write notes"}
            </button>
          </Show>
        </>
      }
    >
      <Show when={isOld()}>
        <p role="status" class="hint">
          This was typed before and is not saved yet.
        </p>
      </Show>
      <textarea
        class="notes"
        aria-label="Notes, in markdown"
        rows={Math.min(30, Math.max(8, (draft()?.text ?? "").split("\n").length + 2))}
        value={draft()?.text}
        onInput={(event) => type(event.currentTarget.value)}
        ref={(area) => !isOld() && setTimeout(() => area.focus())}
        onKeyDown={(event) => {
          // What somebody typed is given up by the button alone.
          if (event.key === "Escape" && !isUnsaved()) end();
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) save();
        }}
      />
      <Show when={props.text !== draft()?.before}>
        <p role="alert">Somebody else changed these notes meanwhile; Save replaces them.</p>
      </Show>
      <Show when={error()}>{(now) => <ErrorNote error={now()} />}</Show>
      <div class="bar">
        <button type="button" class="primary" onClick={save}>
          Save
        </button>
        <button type="button" onClick={end}>
          {isOld() ? "Discard" : "Cancel"}
        </button>
      </div>
    </Show>
  );
}

/** Where the draft of a run's notes is kept: in the tab, also when the page is loaded again. */
function keptDrafts(runId: string) {
  const key = `runstream.notes.${runId}`;
  return {
    read: (): Draft | undefined => {
      const text = sessionStorage.getItem(key);
      return text ? JSON.parse(text) : undefined;
    },
    write: (draft: Draft | undefined) => {
      try {
        if (draft) sessionStorage.setItem(key, JSON.stringify(draft));
        else sessionStorage.removeItem(key);
      } catch {
        // There is no room for it: leaving the page still warns.
      }
    },
  };
}
