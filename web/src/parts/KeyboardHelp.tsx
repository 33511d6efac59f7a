// The keys that do something.

import { For } from "solid-js";
import { Dialog } from "./Dialog";

const KEYS: [string, string][] = [
  ["/", "Go to the search or filter of the page"],
  ["?", "Show these keys"],
  ["↑ ↓ Page Home End", "In the table: move from run to run"],
  ["Space", "In the table: select the run"],
  ["E", "In the table: show the run or group in the charts, or hide it"],
  ["Shift + Space", "In the table: select all from the last selected run to this one"],
  ["Enter", "In the table: open the run"],
  ["Alt + click", "In the table: filter by the value"],
  ["→ ←", "In the table: unfold and fold groups and child runs; in the tree of artifacts: folders"],
  ["Shift + ← →", "At the head of a column: move it"],
  ["Alt + ← →", "At the head of a column: make it narrower and wider"],
  ["P", "At the head of a column: keep it in sight, and let it scroll again"],
  ["← → Home End", "At the line between list and charts: move it"],
  ["↑ ↓ Tab Backspace", "In the filter: choose and take what is offered; take the last chip"],
  ["← → ↑ ↓", "At the grip of a panel: move it; at its corner: size it"],
  ["← →", "In a chart: move the cursor; with Shift, the range"],
  ["↑ ↓", "In a chart: point at the next curve under the cursor; Enter shows its run"],
  ["+ − 0", "In a chart: zoom in, out, and back to all"],
  ["↑ ↓ Page Home End", "At an end of a parallel axis: choose a range of it; Escape for all"],
  ["Escape", "Close a dialog or list; leave the full screen of a panel"],
];

export default function KeyboardHelp(props: { close: () => void }) {
  return (
    <Dialog title="Keys" close={props.close}>
      <dl class="keys">
        <For each={KEYS}>
          {([key, text]) => (
            <>
              <dt>
                <kbd>{key}</kbd>
              </dt>
              <dd>{text}</dd>
            </>
          )}
        </For>
      </dl>
    </Dialog>
  );
}
