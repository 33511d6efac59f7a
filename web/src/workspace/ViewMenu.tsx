// The menu of saved views, at the head of the workspace: it says which view that began with.

import { useLocation } from "@solidjs/router";
import { createSignal, createUniqueId, Show, Suspense } from "solid-js";
import { readDocument } from "../api/documents";
import { lazyPart } from "../parts/lazyPart";
import { createLoaded } from "../parts/loaded";
import { isSameState, NO_VIEW, SAVED, stateOf } from "./views";
import "../style/views.css";

const SavedViews = lazyPart(() => import("./SavedViews"));

export function ViewMenu(props: { experimentId: string; mayWrite: boolean }) {
  const location = useLocation();
  const id = createUniqueId();
  const [open, setOpen] = createSignal(false);
  let root!: HTMLDivElement;
  let button!: HTMLButtonElement;
  const savedId = () => new URLSearchParams(location.search).get(SAVED) ?? NO_VIEW;
  const current = createLoaded(() => savedId() !== NO_VIEW && savedId(), readDocument);
  const view = () => (current.value()?.id === savedId() ? current.value() : undefined);
  const state = () => stateOf(location.search);
  const isChanged = () => {
    const now = view();
    return now !== undefined && !isSameState(now.text, state());
  };

  const hide = () => {
    setOpen(false);
    button.focus();
  };
  return (
    <div
      ref={root}
      class="views"
      onKeyDown={(event) => {
        const isInDialog = (event.target as HTMLElement).closest("dialog");
        if (event.key !== "Escape" || !open() || isInDialog) return;
        event.stopPropagation();
        hide();
      }}
      onFocusOut={(event) => {
        const next = event.relatedTarget as Node | null;
        if (next && !root.contains(next)) setOpen(false);
      }}
    >
      <button
        ref={button}
        type="button"
        aria-expanded={open()}
        aria-controls={id}
        title="Saved views of this experiment"
        onClick={() => setOpen(!open())}
      >
        <span class="name">{view() ? view()?.title : "Views"}</span>
        <Show when={isChanged()}>
          <span class="hint"> changed</span>
        </Show>{" "}
        <span aria-hidden="true">▾</span>
      </button>
      <div id={id} class="panel-of-views" role="group" aria-label="Saved views" hidden={!open()}>
        <Show when={open()}>
          <Suspense fallback={<p class="loading">Loading…</p>}>
            <SavedViews
              experimentId={props.experimentId}
              mayWrite={props.mayWrite}
              view={view()}
              isChanged={isChanged()}
              state={state()}
              changed={current.again}
              hide={hide}
            />
          </Suspense>
        </Show>
      </div>
    </div>
  );
}
