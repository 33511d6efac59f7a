// What can be done with the selected runs.

import { useNavigate } from "@solidjs/router";
import { createSignal, Show } from "solid-js";
import {
  deleteRuns,
  deleteTag,
  forEach,
  type Run,
  readRuns,
  renameRun,
  restoreRuns,
  setTag,
} from "../api/runs";
import { DeleteRuns } from "../parts/DeleteRuns";
import { FormDialog } from "../parts/FormDialog";
import { counted } from "../parts/format";
import { attempt, tell } from "../parts/notices";

/** Runs that are compared at once. */
export const MOST_COMPARED = 50;

export function RunActions(props: {
  runs: Run[];
  ids: string[];
  deleted: boolean;
  /** Whether who is signed in may not change them. */
  fixed: boolean;
  tagKeys: string[];
  changed: () => void;
  clear: () => void;
}) {
  const navigate = useNavigate();
  const [asked, setAsked] = createSignal<"rename" | "tag" | "delete">();
  const first = () => props.runs[0];
  const comparable = () => props.ids.length >= 2 && props.ids.length <= MOST_COMPARED;

  const children = () => props.runs.reduce((sum, run) => sum + run.children, 0);
  const remove = (withChildren: boolean, ids = props.ids) =>
    attempt(async () => {
      await deleteRuns(ids, withChildren);
      props.clear();
      props.changed();
      const also = withChildren ? " with child runs" : "";
      tell(`Deleted ${counted(ids.length, "run")}${also}`, async () => {
        await restoreRuns(ids);
        props.changed();
      });
    });
  const restore = (ids = props.ids) =>
    attempt(async () => {
      await restoreRuns(ids);
      props.clear();
      props.changed();
      tell(`Restored ${counted(ids.length, "run")}`, async () => {
        await deleteRuns(ids);
        props.changed();
      });
    });
  const rename = async ([name = ""]: string[]) => {
    const run = first();
    if (!run) return;
    await renameRun(run.id, name);
    props.changed();
    tell(`Renamed ${run.name} to ${name}`, async () => {
      await renameRun(run.id, run.name);
      props.changed();
    });
  };
  const tag = async ([key = "", text = ""]: string[]) => {
    // What was there is read now: the table need not show it.
    const before = await readRuns(props.ids, { metrics: [], params: [], tags: [key] });
    await forEach(props.ids, (id) => setTag(id, key, text));
    props.changed();
    tell(`Tagged ${counted(before.length, "run")} with ${key}`, async () => {
      await forEach(before, (run) => {
        const old = run.tags.get(key);
        return old === undefined ? deleteTag(run.id, key) : setTag(run.id, key, old);
      });
      props.changed();
    });
  };

  return (
    <div class="bar selection" role="toolbar" aria-label="Selected runs">
      <span role="status">{counted(props.ids.length, "run")} selected</span>
      <button
        type="button"
        class="primary"
        disabled={!comparable()}
        title={`Compare 2 to ${MOST_COMPARED} runs`}
        onClick={() => navigate(`/compare?runs=${props.ids.join(",")}`)}
      >
        Compare
      </button>
      <Show when={!props.fixed}>
        <Show
          when={!props.deleted}
          fallback={
            <button type="button" onClick={() => restore()}>
              Restore
            </button>
          }
        >
          <button
            type="button"
            disabled={props.ids.length !== 1 || !first()}
            onClick={() => setAsked("rename")}
          >
            Rename
          </button>
          <button type="button" onClick={() => setAsked("tag")}>
            Tag
          </button>
          <button type="button" onClick={() => (children() ? setAsked("delete") : remove(false))}>
            Delete
          </button>
        </Show>
      </Show>
      <button type="button" class="quiet" onClick={() => props.clear()}>
        Clear
      </button>
      <Show when={asked() === "delete"}>
        <DeleteRuns
          runs={props.ids.length}
          running={props.runs.filter((run) => run.status === "RUNNING").length}
          children={children()}
          remove={remove}
          close={() => setAsked(undefined)}
        />
      </Show>
      <Show when={asked() === "rename"}>
        <FormDialog
          title={`Rename ${first()?.name}`}
          fields={[{ label: "Name", value: first()?.name ?? "" }]}
          action="Rename"
          done={rename}
          close={() => setAsked(undefined)}
        />
      </Show>
      <Show when={asked() === "tag"}>
        <FormDialog
          title={`Tag ${counted(props.ids.length, "run")}`}
          fields={[{ label: "Key", suggestions: props.tagKeys }, { label: "Value" }]}
          action="Set tag"
          done={tag}
          close={() => setAsked(undefined)}
        />
      </Show>
    </div>
  );
}
