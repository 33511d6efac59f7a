// What stands first in the row of a group: its values, and how many runs it has.

import { createEffect, For, Show } from "solid-js";
import type { RunGroup } from "../api/runGroups";
import { count, counted } from "../parts/format";
import { type Column, title } from "../runs/columns";
import { groupTitle } from "../runs/groups";
import type { VisibleRuns } from "../runs/visibleRuns";
import { EyeButton } from "./EyeButton";
import { Twisty } from "./RunName";

export function GroupName(props: {
  group: RunGroup;
  by: Column[];
  /** Whether there is room for the values alone, whose keys are in the head. */
  narrow: boolean;
  /** Whether all of its runs are selected, or some. */
  selected: "all" | "some" | "none";
  unfolded: boolean;
  toggle: () => void;
  pick: () => void;
  /** None where no charts are beside the list. */
  visible: VisibleRuns | undefined;
}) {
  let box!: HTMLInputElement;
  createEffect(() => {
    box.indeterminate = props.selected === "some";
    box.checked = props.selected === "all";
  });
  const called = () => groupTitle(props.group, props.by);
  return (
    <div class="cell name of-group" role="gridcell" aria-colindex={1}>
      <input
        ref={box}
        type="checkbox"
        tabindex="-1"
        aria-label={`Select the ${counted(props.group.runs, "run")} of ${called()}`}
        onClick={() => props.pick()}
      />
      <Show when={props.visible}>
        {(visible) => (
          <EyeButton
            id={props.group.id}
            name={called()}
            isOpen={visible().has(props.group.id)}
            toggle={() => visible().toggle(props.group.id)}
          />
        )}
      </Show>
      <Twisty
        unfolded={props.unfolded}
        what={`${counted(props.group.runs, "run")} of ${called()}`}
        toggle={props.toggle}
      />
      <span class="group-values" title={called()}>
        <For each={props.by}>
          {(column, i) => (
            <span class="group-value" classList={{ none: props.group.values[i()] === null }}>
              <Show when={!props.narrow}>
                <span class="group-key">{title(column)}</span>{" "}
              </Show>
              {props.group.names[i()]}
            </span>
          )}
        </For>
      </span>
      <span class="group-size" title={counted(props.group.runs, "run")}>
        {count(props.group.runs)}
      </span>
    </div>
  );
}
