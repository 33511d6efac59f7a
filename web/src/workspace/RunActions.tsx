// What can be done with the selected runs.

import { useNavigate } from "@solidjs/router";
import { createEffect, createMemo, createSignal, on, Show } from "solid-js";
import type { Experiment } from "../api/experiments";
import { deleteRuns, moveRuns, type Run, readRuns, renameRun, restoreRuns } from "../api/runs";
import DeleteForGood from "../parts/DeleteForGood";
import { DeleteRuns } from "../parts/DeleteRuns";
import { FormDialog } from "../parts/FormDialog";
import { count, counted } from "../parts/format";
import { Menu } from "../parts/Menu";
import { MoveRuns } from "../parts/MoveRuns";
import { attempt, tell } from "../parts/notices";
import { MOST_COMPARED } from "../runs/compared";
import { TagRuns } from "./TagRuns";

export default function RunActions(props: {
  experimentId: string;
  /** Of the selected runs those that are in sight. */
  runs: Run[];
  /** All that are selected: some may not be found any more, or be folded under their parents. */
  ids: string[];
  deleted: boolean;
  /** Whether who is signed in owns the experiment. */
  own: boolean;
  /** Whether who is signed in may not change them. */
  fixed: boolean;
  tagKeys: string[];
  changed: () => void;
  select: (ids: string[]) => void;
}) {
  const navigate = useNavigate();
  const [asked, setAsked] = createSignal<"rename" | "tag" | "delete" | "move" | "purge">();
  const [withUnseen, setWithUnseen] = createSignal(false);
  // What was confirmed is not about runs that are selected later, nor about none.
  const [toPurge, setToPurge] = createSignal<string[]>([]);
  const [about, setAbout] = createSignal<Run[]>([]);
  const seen = createMemo(() => props.runs.map((run) => run.id));
  const unseen = () => props.ids.length - seen().length;
  // What is not in sight is acted upon only by who said so, each time anew.
  createEffect(on(unseen, () => setWithUnseen(false)));
  // In the order of the selection, which a comparison has, too.
  const ids = createMemo(() => {
    const found = new Set(seen());
    return withUnseen() ? props.ids : props.ids.filter((id) => found.has(id));
  });
  const clear = () => props.select([]);
  const first = () => props.runs[0];
  const comparable = () => ids().length >= 2 && ids().length <= MOST_COMPARED;

  const sum = (of: (run: Run) => number) => about().reduce((all, run) => all + of(run), 0);
  const children = () => sum((run) => run.children);
  const running = () => sum((run) => (run.status === "RUNNING" ? 1 : 0));
  const readAbout = async () =>
    setAbout(await readRuns(ids(), { metrics: [], params: [], tags: [] }));
  const askToMove = () =>
    attempt(async () => {
      await readAbout();
      setAsked("move");
    });
  const askToDelete = () =>
    attempt(async () => {
      await readAbout();
      if (children() || running() || withUnseen()) setAsked("delete");
      else await remove(false);
    });
  const remove = (withChildren: boolean, of = ids()) =>
    attempt(async () => {
      await deleteRuns(of, withChildren);
      props.select(props.ids.filter((id) => !of.includes(id)));
      props.changed();
      const also = withChildren ? " with child runs" : "";
      tell(`Deleted ${counted(of.length, "run")}${also}`, async () => {
        await restoreRuns(of);
        props.changed();
      });
    });
  const move = (to: Experiment) =>
    attempt(async () => {
      const from = props.experimentId;
      const moved = await moveRuns(ids(), to.id);
      const gone = new Set(moved);
      props.select(props.ids.filter((id) => !gone.has(id)));
      props.changed();
      tell(`Moved ${counted(moved.length, "run")} to ${to.name}`, async () => {
        await moveRuns(moved, from);
        props.changed();
      });
    });
  const restore = (of = ids()) =>
    attempt(async () => {
      await restoreRuns(of);
      props.select(props.ids.filter((id) => !of.includes(id)));
      props.changed();
      tell(`Restored ${counted(of.length, "run")}`, async () => {
        await deleteRuns(of);
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

  return (
    <div class="bar selection" role="toolbar" aria-label="Selected runs">
      <span role="status">{counted(props.ids.length, "run")} selected</span>
      <Show when={unseen()}>
        <span class="unseen-runs" role="status">
          {count(unseen())} of them not in sight
        </span>
        <label title="They are hidden by the filter, folded, further down, or deleted">
          <input
            type="checkbox"
            checked={withUnseen()}
            onChange={(event) => setWithUnseen(event.currentTarget.checked)}
          />
          act on them, too
        </label>
        <button type="button" class="quiet" onClick={() => props.select(seen())}>
          Unselect them
        </button>
      </Show>
      <button
        type="button"
        class="primary"
        disabled={!comparable()}
        title={`Compare 2 to ${MOST_COMPARED} runs`}
        onClick={() => navigate(`/compare?runs=${ids().join(",")}`)}
      >
        Compare
      </button>
      <Show when={!props.fixed}>
        <Show
          when={!props.deleted}
          fallback={
            <>
              <button type="button" disabled={!ids().length} onClick={() => restore()}>
                Restore
              </button>
              <Show when={props.own && ids().length}>
                <Menu
                  label="More actions"
                  items={[
                    {
                      label: `Delete ${counted(ids().length, "run")} for good…`,
                      act: () => {
                        setToPurge(ids());
                        setAsked("purge");
                      },
                      isDanger: true,
                    },
                  ]}
                />
              </Show>
            </>
          }
        >
          <button
            type="button"
            disabled={ids().length !== 1 || !first()}
            onClick={() => setAsked("rename")}
          >
            Rename
          </button>
          <button type="button" disabled={!ids().length} onClick={() => setAsked("tag")}>
            Tag
          </button>
          <Show when={ids().length}>
            <Menu
              label="More actions"
              items={[
                { label: "Move to another experiment…", act: askToMove },
                {
                  label: `Delete ${counted(ids().length, "run")}`,
                  act: askToDelete,
                  isDanger: true,
                },
              ]}
            />
          </Show>
        </Show>
      </Show>
      <button type="button" class="quiet" onClick={clear}>
        Clear
      </button>
      <Show when={asked() === "delete"}>
        <DeleteRuns
          runs={ids().length}
          running={running()}
          children={children()}
          remove={remove}
          close={() => setAsked(undefined)}
        />
      </Show>
      <Show when={asked() === "purge" && toPurge()} keyed>
        {(these) => (
          <DeleteForGood
            title={`Delete ${counted(these.length, "run")} for good`}
            experimentId={props.experimentId}
            runIds={these}
            changed={() => {
              const gone = new Set(these);
              props.select(props.ids.filter((id) => !gone.has(id)));
              props.changed();
            }}
            close={() => setAsked(undefined)}
          />
        )}
      </Show>
      <Show when={asked() === "move"}>
        <MoveRuns
          runs={ids().length}
          running={running()}
          children={children()}
          from={props.experimentId}
          move={move}
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
        <TagRuns
          ids={ids()}
          tagKeys={props.tagKeys}
          changed={props.changed}
          close={() => setAsked(undefined)}
        />
      </Show>
    </div>
  );
}
