// Asks whether the child runs of what is deleted go, too.

import { Dialog } from "./Dialog";
import { counted } from "./format";

export function DeleteRuns(props: {
  /** How many runs are deleted, and how many child runs they have. */
  runs: number;
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
        <p>
          {props.runs === 1 ? "It has" : "They have"} {counted(props.children, "child run")}, which
          may have child runs in turn.
        </p>
        <footer>
          <button type="button" onClick={() => props.close()}>
            Cancel
          </button>
          <button type="button" onClick={() => done(false)}>
            Delete without child runs
          </button>
          <button type="button" class="primary" onClick={() => done(true)}>
            Delete with child runs
          </button>
        </footer>
      </div>
    </Dialog>
  );
}
