// What stands first in the row of a run: its name, with boxes and arrows.

import { Show } from "solid-js";
import { counted } from "../parts/format";
import { StatusMark } from "../parts/StatusMark";
import type { Line } from "../runs/rows";
import type { VisibleRuns } from "../runs/visibleRuns";
import { EyeButton } from "./EyeButton";

export function RunName(props: {
  line: Line;
  selected: boolean;
  unfolded: boolean;
  toggle: () => void;
  pick: (range: boolean) => void;
  /** None where no charts are beside the list. */
  visible: VisibleRuns | undefined;
  narrow: boolean;
  /** Whether there are arrows before some of the names. */
  hasArrows: boolean;
}) {
  const run = () => props.line.run;
  return (
    <div class="cell name" role="gridcell" aria-colindex={1}>
      <input
        type="checkbox"
        tabindex="-1"
        aria-label={`Select ${run().name}`}
        checked={props.selected}
        onClick={(event) => {
          if (event.shiftKey) event.currentTarget.checked = true; // a range is always selected
          props.pick(event.shiftKey);
        }}
      />
      <Show when={props.visible}>
        {(visible) => (
          <EyeButton
            id={run().id}
            name={run().name}
            isOpen={visible().has(run().id)}
            toggle={() => visible().toggle(run().id)}
          />
        )}
      </Show>
      <span class="indent" style={{ width: `${props.line.depth * 16}px` }} />
      <Show when={props.line.children} fallback={props.hasArrows && <span class="twisty" />}>
        <Twisty
          unfolded={props.unfolded}
          what={counted(props.line.children, "child run")}
          toggle={props.toggle}
        />
      </Show>
      <Show when={props.narrow}>
        <StatusMark status={run().status} brief />
      </Show>
      <a href={`#/experiments/${run().experimentId}/runs/${run().id}`} tabindex="-1">
        {run().name}
      </a>
    </div>
  );
}

/** The arrow that unfolds and folds what stands under a row. */
export function Twisty(props: { unfolded: boolean; what: string; toggle: () => void }) {
  return (
    <button
      type="button"
      class="twisty quiet"
      tabindex="-1"
      aria-label={`${props.unfolded ? "Fold" : "Unfold"} ${props.what}`}
      onClick={() => props.toggle()}
    >
      {props.unfolded ? "▾" : "▸"}
    </button>
  );
}
