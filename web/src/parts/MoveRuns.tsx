// Asks to which experiment runs are moved, and says what goes with them.

import { Show } from "solid-js";
import type { Experiment } from "../api/experiments";
import { caller } from "../api/session";
import { Dialog } from "./Dialog";
import { ExperimentPicker } from "./ExperimentPicker";
import { count, counted } from "./format";

export function MoveRuns(props: {
  /** How many runs are moved, how many of them are running, and how many child runs they have. */
  runs: number;
  running: number;
  children: number;
  /** The experiment in which they are. */
  from: string;
  move: (to: Experiment) => void;
  close: () => void;
}) {
  const isOne = () => props.runs === 1;
  return (
    <Dialog title={`Move ${counted(props.runs, "run")} to another experiment`} close={props.close}>
      <div class="ask">
        <Show when={props.running}>
          <p>
            <strong>
              {isOne() ? "It is running." : `Running: ${count(props.running)} of them.`}
            </strong>{" "}
            {props.running === 1
              ? "Its training goes on, and logs to the run where it will be."
              : "Their trainings go on, and log to the runs where they will be."}
            <Show when={caller()?.name}> Whose they are must be allowed to write there.</Show>
          </p>
        </Show>
        <Show when={props.children}>
          <p>
            {counted(props.children, "child run")} in this experiment{" "}
            {props.children === 1 ? "goes" : "go"} along, with the runs below.
          </p>
        </Show>
        <p>
          {isOne() ? "It keeps its id" : "They keep their ids"}, artifacts, and all that was logged.
          Who sees the other experiment sees {isOne() ? "it" : "them"} then.
        </p>
        <ExperimentPicker
          without={props.from}
          action="Move"
          choose={(experiment) => {
            props.close();
            props.move(experiment);
          }}
          cancel={props.close}
        />
      </div>
    </Dialog>
  );
}
