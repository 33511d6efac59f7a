// The menu of saved views, at the head of the workspace: it says which view that began with.

import { useLocation } from "@solidjs/router";
import { Show, Suspense } from "solid-js";
import { readDocument } from "../api/documents";
import { lazyPart } from "../parts/lazyPart";
import { createLoaded } from "../parts/loaded";
import { createPopover } from "../parts/popover";
import { isSameState, NO_VIEW, SAVED, stateOf } from "./views";
import "../style/views.css";

const SavedViews = lazyPart(() => import("./SavedViews"));

export function ViewMenu(props: { experimentId: string; mayWrite: boolean }) {
  const location = useLocation();
  const { id, open, toggle, hide, root, button } = createPopover();
  let from = 0; // the left edge of the button
  const savedId = () => new URLSearchParams(location.search).get(SAVED) ?? NO_VIEW;
  const current = createLoaded(() => savedId() !== NO_VIEW && savedId(), readDocument);
  const view = () => (current.value()?.id === savedId() ? current.value() : undefined);
  const state = () => stateOf(location.search);
  const isChanged = () => {
    const now = view();
    return now !== undefined && !isSameState(now.text, state());
  };

  return (
    <div class="views" {...root}>
      <button
        {...button}
        aria-expanded={open()}
        title="Saved views of this experiment"
        onClick={(event) => {
          from = event.currentTarget.getBoundingClientRect().left;
          toggle();
        }}
      >
        <span class="name">{view() ? view()?.title : "Views"}</span>
        <Show when={isChanged()}>
          <span class="hint"> changed</span>
        </Show>{" "}
        <span aria-hidden="true">▾</span>
      </button>
      <div
        id={id}
        class="panel-of-views"
        style={{ "--from": `${open() ? from : 0}px` }}
        role="group"
        aria-label="Saved views"
        hidden={!open()}
      >
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
