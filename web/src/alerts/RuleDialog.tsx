// The form of a rule: when it tells, how bad that is, and whom.

import { createSignal, For, Match, Show, Switch } from "solid-js";
import { type AlertRule, createRule, updateRule } from "../api/alertRules";
import { LEVELS, type Level } from "../api/alerts";
import { type ApiError, shown } from "../api/client";
import { createClose } from "../parts/closing";
import { Dialog } from "../parts/Dialog";
import { ErrorNote } from "../parts/ErrorNote";
import type { Subject } from "./AlertsOf";
import { KINDS, type Kind } from "./conditions";
import { Labelled } from "./Labelled";
import { LEVEL_WORDS } from "./LevelMark";
import { MetricField } from "./MetricField";
import { type Field, fieldOf, fieldsOf, type Typed, typedOf } from "./ruleForm";
import { SecretField } from "./SecretField";

export function RuleDialog(
  props: Subject & { rule: AlertRule | undefined; saved: () => void; close: () => void },
) {
  const [typed, setTyped] = createSignal(typedOf(props.rule));
  const [error, setError] = createSignal<ApiError>();
  const [busy, setBusy] = createSignal(false);
  const close = createClose(() => props.close());
  let form!: HTMLFormElement;
  const set = (change: Partial<Typed>) => setTyped({ ...typed(), ...change });
  const errorAt = (field: Field) => {
    const now = error();
    return now && fieldOf(now) === field ? now.message : undefined;
  };
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    setBusy(true);
    try {
      const fields = fieldsOf(typed());
      if (props.rule) await updateRule(props.rule, fields);
      else await createRule(props, fields);
      props.saved();
      close();
    } catch (failure) {
      setError(shown(failure));
      form.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
    }
    setBusy(false);
  };
  const scope = () => (props.runId ? "this run" : "all runs of the experiment");
  return (
    <Dialog
      title={props.rule ? `Change the rule ${props.rule.name}` : `New rule for ${scope()}`}
      close={props.close}
    >
      <form ref={form} class="ask rule-form" onSubmit={submit} novalidate>
        <ConditionFields
          typed={typed()}
          set={set}
          errorAt={errorAt}
          experimentId={props.experimentId}
        />
        <Text
          label="Name, the title of its alerts"
          value={typed().name}
          set={(name) => set({ name })}
          hint="Left empty, it is named after its condition."
          error={errorAt("name")}
        />
        <Show when={typed().kind !== "alert_raised"}>
          <LevelField label="Level" value={typed().level} set={(level) => set({ level })} />
        </Show>
        <Lines
          label="Webhooks"
          value={typed().webhooks}
          set={(webhooks) => set({ webhooks })}
          hint="Up to 5 addresses that are sent signed JSON, one a line."
          error={errorAt("webhooks")}
        />
        <Show when={typed().webhooks.trim()}>
          <SecretField
            value={typed().secret}
            set={(secret) => set({ secret })}
            isSet={!!props.rule?.webhooks.length}
            error={errorAt("secret")}
          />
        </Show>
        <Lines
          label="E-mail"
          value={typed().emails}
          set={(emails) => set({ emails })}
          hint="Up to 5 addresses, one a line."
          error={errorAt("emails")}
        />
        <Show when={error() && !fieldOf(error() as ApiError) && error()}>
          {(found) => <ErrorNote error={found()} />}
        </Show>
        <footer>
          <button type="button" onClick={() => props.close()}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={busy()}>
            {props.rule ? "Save" : "Create"}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}

function ConditionFields(props: {
  typed: Typed;
  set: (change: Partial<Typed>) => void;
  errorAt: (field: Field) => string | undefined;
  experimentId: string;
}) {
  const kind = () => props.typed.kind;
  return (
    <>
      <Labelled label="Tell when" hint={KINDS[kind()].meaning} error={undefined}>
        {(id, about) => (
          <select
            id={id}
            aria-describedby={about}
            onChange={(event) => props.set({ kind: event.currentTarget.value as Kind })}
          >
            <For each={Object.entries(KINDS)}>
              {([name, { name: text }]) => (
                <option value={name} selected={name === kind()}>
                  {text}
                </option>
              )}
            </For>
          </select>
        )}
      </Labelled>
      <Show when={kind().startsWith("metric_")}>
        <MetricField
          value={props.typed.metric}
          set={(metric) => props.set({ metric })}
          experimentId={props.experimentId}
          isOptional={kind() === "metric_nan"}
          error={props.errorAt("metric")}
        />
      </Show>
      <Switch>
        <Match when={kind() === "metric_above" || kind() === "metric_below"}>
          <Text
            label="Threshold"
            value={props.typed.threshold}
            set={(threshold) => props.set({ threshold })}
            error={props.errorAt("threshold")}
          />
        </Match>
        <Match when={kind() === "run_silent"}>
          <Text
            label="Minutes"
            value={props.typed.minutes}
            set={(minutes) => props.set({ minutes })}
            hint="1 to 10,080, which is a week."
            error={props.errorAt("minutes")}
          />
        </Match>
        <Match when={kind() === "alert_raised"}>
          <LevelField
            label="Of this level or above"
            value={props.typed.leastLevel}
            set={(leastLevel) => props.set({ leastLevel })}
          />
        </Match>
      </Switch>
    </>
  );
}

function LevelField(props: { label: string; value: Level; set: (level: Level) => void }) {
  return (
    <Labelled label={props.label} error={undefined}>
      {(id) => (
        <select id={id} onChange={(event) => props.set(event.currentTarget.value as Level)}>
          <For each={LEVELS}>
            {(level) => (
              <option value={level} selected={level === props.value}>
                {LEVEL_WORDS[level]}
              </option>
            )}
          </For>
        </select>
      )}
    </Labelled>
  );
}

interface TextProps {
  label: string;
  value: string;
  set: (value: string) => void;
  hint?: string;
  error: string | undefined;
}

function Text(props: TextProps) {
  return (
    <Labelled {...props}>
      {(id, about) => (
        <input
          id={id}
          value={props.value}
          aria-invalid={!!props.error}
          aria-describedby={about}
          onInput={(event) => props.set(event.currentTarget.value)}
          autocomplete="off"
          spellcheck={false}
        />
      )}
    </Labelled>
  );
}

function Lines(props: TextProps) {
  return (
    <Labelled {...props}>
      {(id, about) => (
        <textarea
          id={id}
          rows="2"
          value={props.value}
          aria-invalid={!!props.error}
          aria-describedby={about}
          onInput={(event) => props.set(event.currentTarget.value)}
          spellcheck={false}
        />
      )}
    </Labelled>
  );
}
