// A row of the table, which shows another run or group as somebody scrolls.

import { createMemo, type JSX, Show } from "solid-js";
import { canUnfold, isGroup, isLine, type Row } from "../runs/rows";
import type { RunList } from "../runs/runList";
import type { VisibleRuns } from "../runs/visibleRuns";
import { GroupName } from "./GroupName";
import { RunName } from "./RunName";
import type { RowSelection } from "./rowSelection";

export function TableRow(props: {
  list: RunList;
  index: number;
  /** Pixels below the head. */
  top: number;
  selection: RowSelection;
  active: boolean;
  /** A run that somebody pointed at in a chart. */
  pointed: string;
  activate: () => void;
  narrow: boolean;
  /** None where no charts are beside the table. */
  visible: VisibleRuns | undefined;
  hasArrows: boolean;
  /** The cells beside the name. */
  cells: (row: () => Row) => JSX.Element;
}) {
  const row = createMemo(() => props.list.rows()[props.index]);
  const line = () => {
    const one = row();
    return isLine(one) ? one : undefined;
  };
  const group = () => {
    const one = row();
    return isGroup(one) ? one.group : undefined;
  };
  const selected = createMemo(() => props.selection.isSelected(row()));
  const unfolded = createMemo(() => props.list.isUnfolded(row()));
  const toggle = () => props.list.toggle(row());
  return (
    <div
      class="row"
      id={`line-${props.index}`}
      role="row"
      aria-rowindex={props.index + 2}
      aria-level={(row()?.depth ?? 0) + 1}
      aria-selected={selected()}
      aria-expanded={canUnfold(row()) ? unfolded() : undefined}
      classList={{
        active: props.active,
        selected: selected(),
        pointed: !!props.pointed && props.pointed === (group() ?? line()?.run)?.id,
        grouped: !!group(),
      }}
      style={{ transform: `translateY(${props.top}px)` }}
      onMouseDown={() => props.activate()}
    >
      <Show when={line()}>
        {(one) => (
          <RunName
            line={one()}
            selected={selected()}
            unfolded={unfolded()}
            toggle={toggle}
            pick={(range) => props.selection.pick(props.index, range)}
            visible={props.visible}
            narrow={props.narrow}
            hasArrows={props.hasArrows}
          />
        )}
      </Show>
      <Show when={group()}>
        {(one) => (
          <GroupName
            group={one()}
            by={props.list.groups()}
            narrow={props.narrow}
            selected={props.selection.stateOf(one())}
            unfolded={unfolded()}
            toggle={toggle}
            pick={() => props.selection.pick(props.index, false)}
            visible={props.visible}
          />
        )}
      </Show>
      <Show when={!row()}>
        <div class="cell name waiting" role="gridcell" aria-colindex={1}>
          Loading…
        </div>
      </Show>
      {props.cells(row)}
    </div>
  );
}
