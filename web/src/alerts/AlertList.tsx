// Alerts, newest first: what happened, where and when, and who was told.

import { A } from "@solidjs/router";
import { For, Show } from "solid-js";
import type { Alert, Delivery } from "../api/alerts";
import { counted, number, shownName, time } from "../parts/format";
import { LongText } from "../parts/LongText";
import { LevelMark } from "./LevelMark";
import "../style/alerts.css";

export function AlertList(props: {
  alerts: Alert[];
  /** The names of experiments by their ids, where alerts are of several. */
  experiments?: Map<string, string> | undefined;
  /** Whether all are of one run. */
  ofRun?: boolean;
  /** Those that are new to who looks. */
  unseen?: Set<string>;
}) {
  return (
    <ol class="alerts">
      <For each={props.alerts}>
        {(alert) => (
          <li>
            <p class="what">
              <LevelMark level={alert.level} /> <strong>{alert.title}</strong>
              <Show when={props.unseen?.has(alert.id)}>
                {" "}
                <span class="new">new</span>
              </Show>
            </p>
            <Show when={alert.text}>
              <p class="text">
                <LongText text={alert.text} />
              </p>
            </Show>
            <Where alert={alert} experiments={props.experiments} ofRun={props.ofRun ?? false} />
            <Show when={alert.deliveries.length}>
              <ul class="deliveries" aria-label="Who was told">
                <For each={alert.deliveries}>{(delivery) => <Told delivery={delivery} />}</For>
              </ul>
            </Show>
          </li>
        )}
      </For>
    </ol>
  );
}

function Where(props: {
  alert: Alert;
  experiments?: Map<string, string> | undefined;
  ofRun: boolean;
}) {
  const experiment = () => `/experiments/${props.alert.experimentId}`;
  // What a rule tells has the point in its text.
  const point = () => {
    const { metric, step, value, text } = props.alert;
    if (!metric || text.includes(metric)) return "";
    const is = value === undefined ? "" : ` is ${number(value)}`;
    return `${metric}${is}${step === undefined ? "" : ` at step ${step}`}`;
  };
  return (
    <p class="where">
      <Show when={props.alert.runId && !props.ofRun}>
        <A href={`${experiment()}/runs/${props.alert.runId}`}>
          {shownName(props.alert.runName, props.alert.runId)}
        </A>
      </Show>
      <Show when={props.experiments}>
        {(names) => (
          <A href={experiment()}>
            {names().get(props.alert.experimentId) ?? `Experiment ${props.alert.experimentId}`}
          </A>
        )}
      </Show>
      <Show when={point()}>
        <span>{point()}</span>
      </Show>
      <time dateTime={new Date(props.alert.at).toISOString()}>{time(props.alert.at)}</time>
      <Show when={props.alert.by}>
        <span>by {props.alert.by}</span>
      </Show>
    </p>
  );
}

function Told(props: { delivery: Delivery }) {
  const how = () => {
    const { state, attempts, at } = props.delivery;
    if (state === "DELIVERED") return `✓ Delivered ${time(at)}`;
    const tries = `after ${counted(attempts, "attempt")}`;
    if (state === "FAILED") return `✕ Failed ${attempts ? tries : ""}`;
    return attempts ? `↻ Is tried again ${time(at)}, ${tries}` : "… On its way";
  };
  return (
    <li class={props.delivery.state.toLowerCase()}>
      <span>{how()}</span> <code>{props.delivery.to}</code>
      <Show when={props.delivery.error}>
        <span class="why">{props.delivery.error}</span>
      </Show>
    </li>
  );
}
