// The heads of a comparison: a column for each run, which stays in sight.

import { A } from "@solidjs/router";
import { For } from "solid-js";
import type { Run } from "../api/runs";

export function Heads(props: { runs: Run[]; baseline?: string }) {
  return (
    <thead>
      <tr>
        <td />
        <For each={props.runs}>
          {(run) => (
            <th scope="col" title={run.name}>
              <A class="name" href={`/experiments/${run.experimentId}/runs/${run.id}`}>
                {run.name}
              </A>
              {run.id === props.baseline && <span class="hint">baseline</span>}
            </th>
          )}
        </For>
      </tr>
    </thead>
  );
}
