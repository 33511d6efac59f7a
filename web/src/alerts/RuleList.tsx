// The rules of an experiment or of a run: made, changed, switched off and deleted by who may write.

import { A } from "@solidjs/router";
import { createSignal, For, Show } from "solid-js";
import { type AlertRule, deleteRule, enableRule, listRules } from "../api/alertRules";
import { ConfirmDeletion } from "../parts/ConfirmDeletion";
import { ErrorNote } from "../parts/ErrorNote";
import { createLoaded } from "../parts/loaded";
import { attempt, tell } from "../parts/notices";
import type { Subject } from "./AlertsOf";
import { briefOf, toldBy } from "./conditions";
import { LevelMark } from "./LevelMark";
import { RuleDialog } from "./RuleDialog";

export function RuleList(props: Subject & { mayWrite: boolean }) {
  const rules = createLoaded(() => props.experimentId, listRules);
  const [edited, setEdited] = createSignal<AlertRule | "new">();
  const [deleting, setDeleting] = createSignal<AlertRule>();
  // A run is judged by its own rules and by those for all runs.
  const shown = () =>
    rules.value()?.filter(({ runId }) => !props.runId || !runId || runId === props.runId) ?? [];
  const enable = (rule: AlertRule) =>
    attempt(async () => {
      await enableRule(rule.id, !rule.enabled);
      rules.again();
    });
  const remove = (rule: AlertRule) =>
    attempt(async () => {
      await deleteRule(rule.id);
      rules.again();
      tell(`Deleted the rule ${rule.name}`);
    });
  return (
    <section>
      <div class="bar">
        <h2>Rules</h2>
        <Show when={props.mayWrite}>
          <button type="button" class="primary" onClick={() => setEdited("new")}>
            New rule
          </button>
        </Show>
      </div>
      <Show when={rules.error()}>
        {(error) => <ErrorNote error={error()} again={rules.again} />}
      </Show>
      <Show when={rules.value() && !shown().length}>
        <p class="hint">
          No rules yet. A rule tells when something happens to{" "}
          {props.runId ? "this run" : "a run of this experiment"}: here, by webhooks and by e-mail.
        </p>
      </Show>
      <ul class="rules">
        <For each={shown()}>
          {(rule) => (
            <li classList={{ off: !rule.enabled }}>
              <Rule rule={rule} ofRun={props.runId} />
              <Show when={props.mayWrite}>
                <span class="actions">
                  <button type="button" onClick={() => setEdited(rule)}>
                    Edit<span class="unseen"> {rule.name}</span>
                  </button>
                  <button type="button" onClick={() => enable(rule)}>
                    Switch {rule.enabled ? "off" : "on"}
                    <span class="unseen"> {rule.name}</span>
                  </button>
                  <button type="button" onClick={() => setDeleting(rule)}>
                    Delete<span class="unseen"> {rule.name}</span>
                  </button>
                </span>
              </Show>
            </li>
          )}
        </For>
      </ul>
      <Show when={edited()} keyed>
        {(rule) => (
          <RuleDialog
            experimentId={props.experimentId}
            runId={rule === "new" ? props.runId : rule.runId}
            rule={rule === "new" ? undefined : rule}
            saved={rules.again}
            close={() => setEdited(undefined)}
          />
        )}
      </Show>
      <Show when={deleting()} keyed>
        {(rule) => (
          <DeleteRule
            rule={rule}
            remove={() => remove(rule)}
            close={() => setDeleting(undefined)}
          />
        )}
      </Show>
    </section>
  );
}

function Rule(props: { rule: AlertRule; ofRun: string }) {
  const { rule } = props;
  return (
    <div class="about-rule">
      <strong>{rule.name}</strong>
      <Show when={!rule.enabled}>
        {" "}
        <span class="new">off</span>
      </Show>
      <p class="where">
        <Show when={briefOf(rule.condition) !== rule.name}>
          <span>{briefOf(rule.condition)}</span>
        </Show>
        <Show when={rule.condition.kind !== "alert_raised"}>
          <LevelMark level={rule.level} />
        </Show>
        <Show
          when={rule.runId}
          fallback={<span>{props.ofRun ? "All runs of the experiment" : "All runs"}</span>}
        >
          <Show when={rule.runId !== props.ofRun} fallback={<span>Only this run</span>}>
            <A href={`/experiments/${rule.experimentId}/runs/${rule.runId}`}>Only one run</A>
          </Show>
        </Show>
        <Show when={rule.createdBy}>
          <span>by {rule.createdBy}</span>
        </Show>
      </p>
      <Show when={toldBy(rule).length}>
        <ul class="deliveries" aria-label="Who is told">
          <For each={toldBy(rule)}>
            {(one) => (
              <li>
                <code>{one}</code>
              </li>
            )}
          </For>
        </ul>
      </Show>
    </div>
  );
}

function DeleteRule(props: { rule: AlertRule; remove: () => void; close: () => void }) {
  return (
    <ConfirmDeletion
      title={`Delete the rule ${props.rule.name}`}
      remove={props.remove}
      close={props.close}
    >
      It tells nothing any more, and what is still to be delivered is not. The alerts that it raised
      stay.
      <Show when={props.rule.webhooks.length}> Its secret is forgotten.</Show>
    </ConfirmDeletion>
  );
}
