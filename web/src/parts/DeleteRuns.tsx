// Asks before runs are deleted that are running, or that have child runs.

import { Show } from "solid-js";
import { Dialog } from "./Dialog";
import { count, counted } from "./format";

export function DeleteRuns(props: {
  /** How many runs are deleted, how many of them are running, and how many child runs they have. */
  runs: number;
  running: number;
  children: number;
  remove: (withChildren: boolean) => void;
  close: () => void;
}) {
  const done = (withChildren: boolean) => {
    props.close();
    props.remove(withChildren);
  };
  return (
    <Dialog title={`Delete ${counted(props.runs, "run")}`} close={props.close}>
      <div class="ask">
        <Show when={props.running}>
          <p>
            <strong>
              {props.runs === 1 ? "It is running." : `Running: ${count(props.running)} of them.`}
            </strong>{" "}
            {props.running === 1
              ? "Its program is not stopped. What it logs from now on is refused, and the next call that logs raises that, which may end the training. Restoring the run lets it log again."
              : "Their programs are not stopped. What they log from now on is refused, and the next call that logs raises that, which may end the trainings. Restoring the runs lets them log again."}
          </p>
        </Show>
        <Show when={props.children}>
          <p>
            {props.runs === 1 ? "It has" : "They have"} {counted(props.children, "child run")},
            which may have child runs in turn.
          </p>
        </Show>
        <footer>
          <button type="button" onClick={() => props.close()}>
            Cancel
          </button>
          <Show
            when={props.children}
            fallback={
              <button type="button" class="primary" onClick={() => done(false)}>
                Delete
              </button>
            }
          >
            <button type="button" onClick={() => done(false)}>
              Delete without child runs
            </button>
            <button type="button" class="primary" onClick={() => done(true)}>
              Delete with child runs
            </button>
          </Show>
        </footer>
      </div>
    </Dialog>
  );
}
