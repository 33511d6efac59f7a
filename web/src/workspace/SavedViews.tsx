// The saved views of an experiment: choose one, save what is set up, share a link to it.

import { useLocation, useNavigate } from "@solidjs/router";
import { createSignal, For, Show } from "solid-js";
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
import { linkTo, NO_VIEW, queryOf, SAVED } from "./views";

// Characters of a query that programs pass on as it is; a longer one is kept by the server.
const MOST_IN_LINK = 8_000;

export default function SavedViews(props: {
  experimentId: string;
  mayWrite: boolean;
  /** The view with which somebody began. */
  view: Document | undefined;
  /** Whether something else is set up by now. */
  isChanged: boolean;
  /** What is set up. */
  state: string;
  /** Called when the view is another one on the server. */
  changed: () => void;
  hide: () => void;
}) {
  const location = useLocation();
  const navigate = useNavigate();
  const [asking, setAsking] = createSignal<"save" | "rename">();
  const views = createLoaded(
    () => props.experimentId,
    (of) => listDocuments(of, "view"),
  );

  const show = (found: Document) =>
    navigate(`/experiments/${props.experimentId}${queryOf(found)}`, { scroll: false });
  const choose = (chosen: Document) =>
    attempt(async () => {
      props.hide();
      show(await readDocument(chosen.id));
    });
  const saveAs = async (title: string) => {
    if (!title.trim()) throw new ApiError("TITLE_EMPTY", "A saved view has a name.");
    show(await createDocument(props.experimentId, "view", title, props.state));
    tell(`Saved the view ${title}`);
  };
  const change = (of: Document, change: Change, text: string) =>
    attempt(async () => {
      try {
        await updateDocument(of, change);
      } catch (error) {
        if (!(error instanceof ApiError && error.reason === CHANGED)) throw error;
        props.changed();
        throw new ApiError(
          CHANGED,
          `${error.message}. Save again to replace it, or save as another.`,
        );
      }
      props.changed();
      views.again();
      tell(text);
    });
  const remove = (of: Document) =>
    attempt(async () => {
      await deleteDocument(of.id);
      navigate(`/experiments/${props.experimentId}?${withoutView(props.state)}`, { replace: true });
      tell(`Deleted the view ${of.title}`, async () => {
        show(await createDocument(props.experimentId, "view", of.title, of.text));
      });
    });
  const copyLink = () =>
    attempt(async () => {
      let query = location.search || `?${SAVED}=${NO_VIEW}`;
      if (query.length > MOST_IN_LINK)
        query = linkTo((await createDocument(props.experimentId, "view", "", props.state)).id);
      const { origin, pathname } = window.location;
      const link = `${origin}${pathname}#/experiments/${props.experimentId}${query}`;
      if (!(await copyText(link))) throw new ApiError("NO_CLIPBOARD", `The link is ${link}`);
      tell("Copied a link to what is shown");
    });

  return (
    <>
      <Show when={views.error()}>
        {(error) => <ErrorNote error={error()} again={views.again} />}
      </Show>
      <ul>
        <li>
          <button
            type="button"
            class="quiet"
            aria-current={!props.view}
            onClick={() => {
              props.hide();
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
                aria-current={one.id === props.view?.id}
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
          A view keeps filter, columns, order, charts and all else that is set up, for everybody who
          sees this experiment.
        </p>
      </Show>
      <div class="actions">
        <Show when={props.mayWrite}>
          <Show when={props.isChanged && props.view}>
            {(now) => (
              <button
                type="button"
                class="primary"
                onClick={() =>
                  change(now(), { text: props.state }, `Saved the view ${now().title}`)
                }
              >
                Save
              </button>
            )}
          </Show>
          <button type="button" onClick={() => setAsking("save")}>
            Save as…
          </button>
          <Show when={props.view}>
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
      <Show when={asking() === "save"}>
        <FormDialog
          title="Save what is set up as a view"
          fields={[{ label: "Name" }]}
          action="Save"
          done={([title = ""]) => saveAs(title)}
          close={() => {
            setAsking(undefined);
            props.hide();
          }}
        />
      </Show>
      <Show when={asking() === "rename" && props.view}>
        {(now) => (
          <FormDialog
            title={`Rename the view ${now().title}`}
            fields={[{ label: "Name", value: now().title }]}
            action="Rename"
            done={async ([title = ""]) => {
              await updateDocument(now(), { title });
              props.changed();
            }}
            close={() => {
              setAsking(undefined);
              props.hide();
            }}
          />
        )}
      </Show>
    </>
  );
}

function withoutView(state: string): string {
  return `${SAVED}=${NO_VIEW}${state && `&${state}`}`;
}
