// Asks to which experiment runs are copied, says what is copied, and copies them.

import { Show } from "solid-js";
import type { Experiment } from "../api/experiments";
import { copyRuns, deleteRuns } from "../api/runs";
import { Dialog } from "./Dialog";
import { ExperimentPicker } from "./ExperimentPicker";
import { count, counted } from "./format";
import { add, attempt, dismiss, tell } from "./notices";

export function CopyRuns(props: {
  ids: string[];
  /** How many of them are running, and how many child runs they have. */
  running: number;
  children: number;
  /** The experiment in which they are. */
  from: string;
  close: () => void;
}) {
  const isOne = () => props.ids.length === 1;
  return (
    <Dialog
      title={`Copy ${counted(props.ids.length, "run")} to another experiment`}
      close={props.close}
    >
      <div class="ask">
        <Show when={props.running}>
          <p>
            <strong>
              {isOne() ? "It is running." : `Running: ${count(props.running)} of them.`}
            </strong>{" "}
            Runs are copied once they have ended.
          </p>
        </Show>
        <Show when={props.children}>
          <p>
            {counted(props.children, "child run")} in this experiment{" "}
            {props.children === 1 ? "is" : "are"} copied along, with the runs below.
          </p>
        </Show>
        <p>
          {isOne() ? "The copy has" : "Copies have"} all that was logged, and the artifacts, which
          take no more room. Logged models and alerts stay with {isOne() ? "the run" : "the runs"}.
        </p>
        <ExperimentPicker
          without={props.from}
          action="Copy"
          choose={(experiment) => {
            props.close();
            copy(props.ids, experiment);
          }}
          cancel={props.close}
        />
      </div>
    </Dialog>
  );
}

function copy(ids: string[], to: Experiment): Promise<boolean> {
  return attempt(async () => {
    const notice = add({ text: `Copying to ${to.name}…`, isError: false });
    try {
      const made = await copyRuns(ids, to.id);
      tell(`Copied ${counted(made.length, "run")} to ${to.name}`, () => deleteRuns(made));
    } finally {
      dismiss(notice);
    }
  });
}
