// A report as it is written, beside what becomes of it.

import { useBeforeLeave } from "@solidjs/router";
import { createSignal, onCleanup, onMount, Show } from "solid-js";
import { type ApiError, shown } from "../api/client";
import { CHANGED, type Document, readDocument, updateDocument } from "../api/documents";
import { createClose } from "../parts/closing";
import { ErrorNote } from "../parts/ErrorNote";
import { ReportText } from "./ReportText";

const PREVIEW_MS = 600;
const PANELS = "\n```runstream\nfilter=\nmetric=\n```\n";

export function ReportEditor(props: {
  report: Document;
  saved: (report: Document) => void;
  close: () => void;
}) {
  const [base, setBase] = createSignal(props.report);
  const [text, setText] = createSignal(props.report.text);
  const [preview, setPreview] = createSignal(props.report.text);
  const [error, setError] = createSignal<ApiError>();
  const [busy, setBusy] = createSignal(false);
  const close = createClose(() => props.close());
  let area!: HTMLTextAreaElement;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const isChanged = () => text() !== base().text;
  const change = (value: string) => {
    setText(value);
    clearTimeout(timer);
    timer = setTimeout(() => setPreview(value), PREVIEW_MS);
  };
  const save = async (of = base()) => {
    setBusy(true);
    try {
      props.saved(await updateDocument(of, { text: text() }));
      setBase({ ...of, text: text() });
      close();
    } catch (failure) {
      setError(shown(failure));
    }
    setBusy(false);
  };
  const latest = async (use: (theirs: Document) => void) => {
    try {
      use(await readDocument(base().id));
      setError(undefined);
    } catch (failure) {
      setError(shown(failure));
    }
  };
  const addPanels = () => {
    const at = area.selectionEnd;
    change(text().slice(0, at) + PANELS + text().slice(at));
    area.focus();
  };
  const stay = (event: BeforeUnloadEvent) => isChanged() && event.preventDefault();
  onMount(() => {
    area.focus();
    addEventListener("beforeunload", stay);
  });
  onCleanup(() => {
    clearTimeout(timer);
    removeEventListener("beforeunload", stay);
  });
  useBeforeLeave((event) => {
    if (isChanged() && !confirm("Leave without saving the report?")) event.preventDefault();
  });
  return (
    <>
      <div class="bar">
        <button type="button" class="primary" disabled={busy()} onClick={() => save()}>
          Save
        </button>
        <button type="button" onClick={() => props.close()}>
          Cancel
        </button>
        <button type="button" onClick={addPanels}>
          Add panels
        </button>
        <span class="hint">
          Markdown. A block of the language <code>runstream</code> has a link to the workspace, or
          the part of it behind the question mark: its charts are drawn there.
        </span>
      </div>
      <Show when={error()}>
        {(now) => (
          <>
            <ErrorNote error={now()} />
            <Show when={now().reason === CHANGED}>
              <div class="bar">
                <button type="button" onClick={() => latest((theirs) => save(theirs))}>
                  Replace it by mine
                </button>
                <button
                  type="button"
                  onClick={() =>
                    latest((theirs) => {
                      setBase(theirs);
                      change(theirs.text);
                    })
                  }
                >
                  Take theirs and lose mine
                </button>
              </div>
            </Show>
          </>
        )}
      </Show>
      <div class="report-editor">
        <textarea
          ref={area}
          aria-label="Report, in markdown"
          value={text()}
          onInput={(event) => change(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) save();
          }}
        />
        <section class="report" aria-label="Preview">
          <ReportText text={preview()} experimentId={props.report.experimentId} />
        </section>
      </div>
    </>
  );
}
