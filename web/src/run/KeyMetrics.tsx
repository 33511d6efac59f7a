// The last values of the metrics that matter most.

import { For, Show } from "solid-js";
import type { Run } from "../api/runs";
import { quantity, unitOf } from "../parts/format";
import { KeyName } from "../parts/KeyName";
import { inOrderOfWeight, SYSTEM } from "../runs/keyMetrics";

const MOST = 8;

export function KeyMetrics(props: { run: Run }) {
  const keys = () =>
    inOrderOfWeight(props.run.metrics.keys())
      .filter((key) => !key.startsWith(SYSTEM))
      .slice(0, MOST);
  return (
    <Show when={keys().length}>
      <dl class="key-metrics" aria-label="Key metrics">
        <For each={keys()}>{(key) => <KeyMetric run={props.run} metric={key} />}</For>
      </dl>
    </Show>
  );
}

function KeyMetric(props: { run: Run; metric: string }) {
  const text = (value: number) => quantity(value, unitOf(props.metric));
  const cell = () => props.run.metrics.get(props.metric);
  const extremes = () => {
    const { minimum = null, maximum = null } = cell() ?? {};
    const isRange = minimum !== null && maximum !== null && minimum !== maximum;
    return isRange ? [`${text(minimum)} …`, text(maximum)] : [];
  };
  return (
    <div>
      <dt>
        <KeyName name={props.metric} />
      </dt>
      <dd>
        <strong title={String(cell()?.last)}>{text(cell()?.last ?? Number.NaN)}</strong>
        <span class="hint" title="Least and greatest value">
          <For each={extremes()}>
            {(part) => (
              <>
                <span class="whole">{part}</span>{" "}
              </>
            )}
          </For>
        </span>
      </dd>
    </div>
  );
}
