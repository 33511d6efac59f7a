// The metric of a rule: completed from those of the experiment, with the values that runs have.

import { createSignal, createUniqueId, For } from "solid-js";
import { listValues } from "../api/filters";
import { listKeys } from "../api/runs";
import { number } from "../parts/format";
import { createLoaded } from "../parts/loaded";
import { searchKey } from "../runs/columns";
import { inOrderOfWeight } from "../runs/keyMetrics";
import { Labelled } from "./Labelled";

const MOST_OFFERED = 1_000;

export function MetricField(props: {
  value: string;
  set: (value: string) => void;
  experimentId: string;
  isOptional: boolean;
  error: string | undefined;
}) {
  const list = createUniqueId();
  const keys = createLoaded(() => props.experimentId, listKeys);
  const metrics = () => keys.value()?.metrics ?? [];
  // A name is looked up when it is complete.
  const [chosen, setChosen] = createSignal(props.value);
  const values = createLoaded(
    () => metrics().includes(chosen()) && chosen(),
    (key) => listValues(props.experimentId, searchKey(`metrics.${key}`), "", "ACTIVE_ONLY"),
  );
  const hint = () => {
    const { minimum, maximum } = values.value() ?? {};
    if (minimum !== undefined && maximum !== undefined)
      return `Runs end at ${minimum === maximum ? number(minimum) : `${number(minimum)} to ${number(maximum)}`}.`;
    if (chosen() && keys.value() && !metrics().includes(chosen()))
      return "No run has logged it yet.";
    return undefined;
  };
  return (
    <Labelled
      label={props.isOptional ? "Metric, or empty for any" : "Metric"}
      hint={hint()}
      error={props.error}
    >
      {(id, about) => (
        <>
          <input
            id={id}
            value={props.value}
            list={list}
            aria-invalid={!!props.error}
            aria-describedby={about}
            onInput={(event) => props.set(event.currentTarget.value)}
            onChange={(event) => setChosen(event.currentTarget.value.trim())}
            autocomplete="off"
            spellcheck={false}
          />
          <datalist id={list}>
            <For each={inOrderOfWeight(metrics()).slice(0, MOST_OFFERED)}>
              {(key) => <option value={key} />}
            </For>
          </datalist>
        </>
      )}
    </Labelled>
  );
}
