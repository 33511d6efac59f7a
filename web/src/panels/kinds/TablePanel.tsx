// Numbers of the runs that are drawn.

import { createMemo, For } from "solid-js";
import { count } from "../../parts/format";
import { type Column, text, title, value } from "../../runs/columns";
import { runColour } from "../colours";
import { PanelFrame } from "../PanelFrame";
import type { KindProps } from "../panelContext";
import { itemsOf } from "../panelText";
import { type Rows, tableActions } from "../saveTable";
import { titleOf } from "../titles";

// Of metrics, where none are chosen.
const MOST_COLUMNS = 8;

export default function TablePanel(props: KindProps) {
  const runs = () => props.context.live.runs();
  const columns = createMemo((): Column[] => {
    const chosen = itemsOf(props.fields.of);
    if (chosen.length) return chosen;
    const { metric } = props.panel;
    if (metric !== undefined)
      return ["metrics", "minimum", "maximum"].map((of) => `${of}.${metric}`);
    const keys = new Set(runs().flatMap((run) => [...run.metrics.keys()]));
    return [...keys]
      .sort()
      .slice(0, MOST_COLUMNS)
      .map((key) => `metrics.${key}`);
  });
  const table = (): Rows => [
    ["run_id", "run_name", ...columns().map(title)],
    ...runs().map((run) => [run.id, run.name, ...columns().map((one) => value(run, one))]),
  ];
  return (
    <PanelFrame
      {...props}
      title={titleOf(props.panel)}
      label={`${titleOf(props.panel)}, ${count(runs().length)} runs`}
      actions={tableActions(() => titleOf(props.panel), table)}
    >
      <div class="plot scrolled" tabindex="0" role="region" aria-label={titleOf(props.panel)}>
        <table>
          <thead>
            <tr>
              <th scope="col">Run</th>
              <For each={columns()}>{(column) => <th scope="col">{title(column)}</th>}</For>
            </tr>
          </thead>
          <tbody>
            <For each={runs()}>
              {(run) => (
                <tr>
                  <th scope="row" title={run.name}>
                    <span class="swatch" style={{ background: runColour(run.id) }} /> {run.name}
                  </th>
                  <For each={columns()}>{(column) => <td>{text(run, column)}</td>}</For>
                </tr>
              )}
            </For>
          </tbody>
        </table>
      </div>
    </PanelFrame>
  );
}
