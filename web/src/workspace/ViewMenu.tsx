// The saved views of an experiment: choose one, save what is set up, share a link to it.

import { useLocation, useNavigate } from "@solidjs/router";
import { createSignal, createUniqueId, For, Show } from "solid-js";
import { ApiError } from "../api/client";
import {
  CHANGED,
  type Change,
  createDocument,
  type Document,
  deleteDocument,
  listDocuments,
  readDocument,
  updateDocument,
} from "../api/documents";
import { copyText } from "../parts/copyText";
import { ErrorNote } from "../parts/ErrorNote";
import { FormDialog } from "../parts/FormDialog";
import { createLoaded } from "../parts/loaded";
import { attempt, tell } from "../parts/notices";
import { isSameState, linkTo, NO_VIEW, queryOf, SAVED, stateOf } from "./views";
import "../style/views.css";

// Characters of a query that programs pass on as it is; a longer one is kept by the server.
const MOST_IN_LINK = 8_000;

export function ViewMenu(props: { experimentId: string; mayWrite: boolean }) {
  const location = useLocation();
  const navigate = useNavigate();
  const id = createUniqueId();
  const [open, setOpen] = createSignal(false);
  const [asking, setAsking] = createSignal<"save" | "rename">();
  let root!: HTMLDivElement;
  let button!: HTMLButtonElement;
  const savedId = () => new URLSearchParams(location.search).get(SAVED) ?? NO_VIEW;
  const current = createLoaded(() => savedId() !== NO_VIEW && savedId(), readDocument);
  const view = () => (current.value()?.id === savedId() ? current.value() : undefined);
  const views = createLoaded(
    () => open() && props.experimentId,
    (of) => listDocuments(of, "view"),
  );
  const state = () => stateOf(location.search);
  const isChanged = () => {
    const now = view();
    return now !== undefined && !isSameState(now.text, state());
  };

  const show = (found: Document) =>
    navigate(`/experiments/${props.experimentId}${queryOf(found)}`, { scroll: false });
  const hide = () => {
    setOpen(false);
    button.focus();
  };
  const choose = (chosen: Document) =>
    attempt(async () => {
      hide();
      show(await readDocument(chosen.id));
    });
  const saveAs = async (title: string) => {
    if (!title.trim()) throw new ApiError("TITLE_EMPTY", "A saved view has a name.");
    show(await createDocument(props.experimentId, "view", title, state()));
    tell(`Saved the view ${title}`);
  };
  const change = (of: Document, change: Change, text: string) =>
    attempt(async () => {
      try {
        await updateDocument(of, change);
      } catch (error) {
        if (!(error instanceof ApiError && error.reason === CHANGED)) throw error;
        current.again();
        throw new ApiError(
          CHANGED,
          `${error.message}. Save again to replace it, or save as another.`,
        );
      }
      current.again();
      views.again();
      tell(text);
    });
  const remove = (of: Document) =>
    attempt(async () => {
      await deleteDocument(of.id);
      navigate(`/experiments/${props.experimentId}?${withoutView(state())}`, { replace: true });
      tell(`Deleted the view ${of.title}`, async () => {
        show(await createDocument(props.experimentId, "view", of.title, of.text));
      });
    });
  const copyLink = () =>
    attempt(async () => {
      let query = location.search || `?${SAVED}=${NO_VIEW}`;
      if (query.length > MOST_IN_LINK)
        query = linkTo((await createDocument(props.experimentId, "view", "", state())).id);
      const { origin, pathname } = window.location;
      const link = `${origin}${pathname}#/experiments/${props.experimentId}${query}`;
      if (!(await copyText(link))) throw new ApiError("NO_CLIPBOARD", `The link is ${link}`);
      tell("Copied a link to what is shown");
    });

  return (
    <div
      ref={root}
      class="views"
      onKeyDown={(event) => {
        if (event.key !== "Escape" || !open() || asking()) return;
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
          <Show when={views.error()}>{(error) => <ErrorNote error={error()} />}</Show>
          <ul>
            <li>
              <button
                type="button"
                class="quiet"
                aria-current={!view()}
                onClick={() => {
                  hide();
                  navigate(`/experiments/${props.experimentId}?${SAVED}=${NO_VIEW}`);
                }}
              >
                All runs, nothing set up
              </button>
            </li>
            <For each={views.value()}>
              {(one) => (
                <li>
                  <button
                    type="button"
                    class="quiet"
                    aria-current={one.id === view()?.id}
                    onClick={() => choose(one)}
                  >
                    <span class="name">{one.title}</span>
                    <Show when={one.isDefault}>
                      <span class="hint"> default</span>
                    </Show>
                  </button>
                </li>
              )}
            </For>
          </ul>
          <Show when={!views.loading() && !views.value()?.length}>
            <p class="hint">
              A view keeps filter, columns, order, charts and all else that is set up, for everybody
              who sees this experiment.
            </p>
          </Show>
          <div class="actions">
            <Show when={props.mayWrite}>
              <Show when={isChanged() && view()}>
                {(now) => (
                  <button
                    type="button"
                    class="primary"
                    onClick={() =>
                      change(now(), { text: state() }, `Saved the view ${now().title}`)
                    }
                  >
                    Save
                  </button>
                )}
              </Show>
              <button type="button" onClick={() => setAsking("save")}>
                Save as…
              </button>
              <Show when={view()}>
                {(now) => (
                  <>
                    <button type="button" onClick={() => setAsking("rename")}>
                      Rename…
                    </button>
                    <button
                      type="button"
                      onClick={() =>
                        change(
                          now(),
                          { isDefault: !now().isDefault },
                          now().isDefault
                            ? "The experiment has no default view now"
                            : `${now().title} is the default view now`,
                        )
                      }
                    >
                      {now().isDefault ? "No default any more" : "Make default for all"}
                    </button>
                    <button type="button" onClick={() => remove(now())}>
                      Delete
                    </button>
                  </>
                )}
              </Show>
            </Show>
            <button type="button" onClick={copyLink}>
              Copy link
            </button>
          </div>
        </Show>
      </div>
      <Show when={asking() === "save"}>
        <FormDialog
          title="Save what is set up as a view"
          fields={[{ label: "Name" }]}
          action="Save"
          done={([title = ""]) => saveAs(title)}
          close={() => {
            setAsking(undefined);
            hide();
          }}
        />
      </Show>
      <Show when={asking() === "rename" && view()}>
        {(now) => (
          <FormDialog
            title={`Rename the view ${now().title}`}
            fields={[{ label: "Name", value: now().title }]}
            action="Rename"
            done={async ([title = ""]) => {
              await updateDocument(now(), { title });
              current.again();
            }}
            close={() => {
              setAsking(undefined);
              hide();
            }}
          />
        )}
      </Show>
    </div>
  );
}

function withoutView(state: string): string {
  return `${SAVED}=${NO_VIEW}${state && `&${state}`}`;
}
