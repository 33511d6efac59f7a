// What can be done with the selected runs.

import { useNavigate } from "@solidjs/router";
import { createEffect, createMemo, createSignal, on, Show } from "solid-js";
import type { Experiment } from "../api/experiments";
import { deleteRuns, moveRuns, type Run, readRuns, renameRun, restoreRuns } from "../api/runs";
import { count, counted } from "../parts/format";
import { Menu } from "../parts/Menu";
import { attempt, tell } from "../parts/notices";
import { MOST_COMPARED } from "../runs/compared";
import { type Question, RunQuestion } from "./RunQuestion";

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
  const [asked, setAsked] = createSignal<Question>();
  const [withUnseen, setWithUnseen] = createSignal(false);
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
  const first = () => (ids().length === 1 ? props.runs[0] : undefined);
  const comparable = () => ids().length >= 2 && ids().length <= MOST_COMPARED;

  const unselect = (gone: string[]) => {
    const these = new Set(gone);
    props.select(props.ids.filter((id) => !these.has(id)));
    props.changed();
  };
  const ask = (kind: "move" | "copy" | "delete") =>
    attempt(async () => {
      const now = ids();
      const runs = await readRuns(now, { metrics: [], params: [], tags: [] });
      const isSimple =
        !withUnseen() && !runs.some((run) => run.children || run.status === "RUNNING");
      if (kind === "delete" && isSimple) await remove(now, false);
      else setAsked({ kind, ids: now, runs });
    });
  const remove = (these: string[], withChildren: boolean) =>
    attempt(async () => {
      await deleteRuns(these, withChildren);
      unselect(these);
      const also = withChildren ? " with child runs" : "";
      tell(`Deleted ${counted(these.length, "run")}${also}`, async () => {
        await restoreRuns(these);
        props.changed();
      });
    });
  const move = (these: string[], to: Experiment) =>
    attempt(async () => {
      const from = props.experimentId;
      const moved = await moveRuns(these, to.id);
      unselect(moved);
      tell(`Moved ${counted(moved.length, "run")} to ${to.name}`, async () => {
        await moveRuns(moved, from);
        props.changed();
      });
    });
  const restore = (these: string[]) =>
    attempt(async () => {
      await restoreRuns(these);
      unselect(these);
      tell(`Restored ${counted(these.length, "run")}`, async () => {
        await deleteRuns(these);
        props.changed();
      });
    });
  const rename = async (run: Run, name: string) => {
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
              <button type="button" disabled={!ids().length} onClick={() => restore(ids())}>
                Restore
              </button>
              <Show when={props.own && ids().length}>
                <Menu
                  label="More actions"
                  items={[
                    {
                      label: `Delete ${counted(ids().length, "run")} for good…`,
                      act: () => setAsked({ kind: "purge", ids: ids() }),
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
            disabled={!first()}
            onClick={() => {
              const run = first();
              if (run) setAsked({ kind: "rename", run });
            }}
          >
            Rename
          </button>
          <button
            type="button"
            disabled={!ids().length}
            onClick={() => setAsked({ kind: "tag", ids: ids() })}
          >
            Tag
          </button>
          <Show when={ids().length}>
            <Menu
              label="More actions"
              items={[
                { label: "Move to another experiment…", act: () => ask("move") },
                { label: "Copy to another experiment…", act: () => ask("copy") },
                {
                  label: `Delete ${counted(ids().length, "run")}`,
                  act: () => ask("delete"),
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
      <Show when={asked()} keyed>
        {(question) => (
          <RunQuestion
            asked={question}
            experimentId={props.experimentId}
            tagKeys={props.tagKeys}
            rename={rename}
            move={move}
            remove={remove}
            changed={props.changed}
            gone={unselect}
            close={() => setAsked(undefined)}
          />
        )}
      </Show>
    </div>
  );
}
