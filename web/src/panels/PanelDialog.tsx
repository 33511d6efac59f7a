// What a panel shows, and how: its fields, as its kind has them. They change while it is looked at.

import { createMemo, createSignal, createUniqueId, For, Match, Show, Switch } from "solid-js";
import { listKeys } from "../api/runs";
import { Dialog } from "../parts/Dialog";
import { createLoaded } from "../parts/loaded";
import { type Column, isNumeric, title } from "../runs/columns";
import type { LiveRuns } from "../runs/liveRuns";
import { firstParam, useFirstMetric } from "./firstColumns";
import { KINDS, type KindField } from "./kinds/kinds";
import type { Panel } from "./layout";
import type { ChangeableContext } from "./panelContext";
import { fieldOf, itemsOf } from "./panelText";
import { SeriesChoice } from "./SeriesChoice";

// Metrics and columns of one panel.
const MOST_ITEMS = 50;
const MOST_TEXT = 2_000;
const YES_NO = { "": "As for its section", "1": "Yes", "0": "No" };

export default function PanelDialog(props: {
  panel: Panel;
  context: ChangeableContext;
  metrics: string[];
  close: () => void;
}) {
  const kind = () => props.panel.fields.kind ?? "line";
  const set = (fields: Record<string, string | undefined>) =>
    props.context.panels.set(props.panel.id, fields);
  const experiment = () => props.context.live.runs()[0]?.experimentId;
  const keys = createLoaded(experiment, listKeys);
  const columns = createMemo((): Column[] => {
    const { metrics = props.metrics, params = [], tags = [] } = keys.value() ?? {};
    return [
      ...metrics.map((key) => `metrics.${key}`),
      ...params.map((key) => `params.${key}`),
      ...["run_name", "status", "start_time", "duration", "user_id"],
      ...metrics.flatMap((key) => [`minimum.${key}`, `maximum.${key}`]),
      ...tags.filter((key) => !key.startsWith("mlflow.")).map((key) => `tags.${key}`),
    ];
  });
  const sections = () => props.context.panels.sections();
  const firstMetric = useFirstMetric(props.context);
  /** What the kind shows until somebody chooses. */
  const first = ({ name }: KindField) => {
    if (name === "px") return firstParam(props.context.live.runs());
    return name === "py" || name === "number" ? firstMetric() : undefined;
  };
  const inSection = () =>
    sections().find((one) => one.panels.some(({ id }) => id === props.panel.id));
  return (
    <Dialog title="Panel" close={props.close}>
      <form
        class="ask panel-form"
        onSubmit={(event) => {
          event.preventDefault();
          props.close();
        }}
      >
        <label>
          Kind
          <select onChange={(event) => set({ kind: event.currentTarget.value })}>
            <For each={Object.entries(KINDS)}>
              {([name, one]) => (
                <option value={name} selected={name === kind()}>
                  {one.name}
                </option>
              )}
            </For>
          </select>
        </label>
        <label>
          Title
          <input
            value={props.panel.fields.title ?? ""}
            maxlength="200"
            onChange={(event) => set({ title: event.currentTarget.value || undefined })}
          />
        </label>
        <For each={KINDS[kind()]?.fields}>
          {(field) => (
            <Field
              field={field}
              kind={kind()}
              value={fieldValue(props.panel, field)}
              first={first(field)}
              columns={columns()}
              metrics={props.metrics}
              live={props.context.live}
              set={(value) => set({ [field.name]: value || undefined })}
            />
          )}
        </For>
        <label>
          Section
          <select onChange={(event) => set({ in: event.currentTarget.value, after: undefined })}>
            <For each={sections()}>
              {(one) => (
                <option value={one.id.slice(1)} selected={one.id === inSection()?.id}>
                  {one.fields.name || one.name || "metrics"}
                </option>
              )}
            </For>
          </select>
        </label>
        <footer>
          <button type="submit" class="primary">
            Done
          </button>
        </footer>
      </form>
    </Dialog>
  );
}

/** A panel of a metric has it until others are chosen. */
function fieldValue({ metric, fields }: Panel, { name }: KindField): string {
  if (name === "of" && fields.of === undefined && metric !== undefined)
    return fieldOf([
      (fields.kind ?? "line") === "line" || fields.kind === "bar" ? metric : `metrics.${metric}`,
    ]);
  if (name === "number" && metric !== undefined) return fields.number ?? `metrics.${metric}`;
  return fields[name] ?? "";
}

function Field(props: {
  field: KindField;
  kind: string;
  value: string;
  first: Column | undefined;
  columns: Column[];
  metrics: string[];
  live: LiveRuns;
  set: (value: string) => void;
}) {
  const id = createUniqueId();
  const { input } = props.field;
  const choices = () =>
    typeof input === "object" ? input.choices : input === "switch" ? YES_NO : undefined;
  const offered = () => (input === "column" ? props.columns : props.columns.filter(isNumeric));
  const isLong = () => props.field.name === "text";
  return (
    <Switch>
      <Match when={input === "metrics" || input === "columns"}>
        <Items
          label={props.field.label}
          items={itemsOf(props.value)}
          offered={input === "metrics" ? props.metrics : props.columns}
          name={input === "metrics" ? (item) => item : title}
          isFree={input === "metrics"}
          set={(items) => props.set(fieldOf(items))}
        />
      </Match>
      <Match when={choices()}>
        {(all) => (
          <label for={id}>
            {props.field.label}
            <select id={id} onChange={(event) => props.set(event.currentTarget.value)}>
              <For each={Object.entries(all())}>
                {([value, text]) => (
                  <option value={value} selected={value === props.value}>
                    {text}
                  </option>
                )}
              </For>
            </select>
          </label>
        )}
      </Match>
      <Match when={input === "column" || input === "number column"}>
        <label for={id}>
          {props.field.label}
          <select id={id} onChange={(event) => props.set(event.currentTarget.value)}>
            <option value="">{props.first ? `By itself: ${title(props.first)}` : "—"}</option>
            <For each={[...new Set([...(props.value ? [props.value] : []), ...offered()])]}>
              {(column) => (
                <option value={column} selected={column === props.value}>
                  {title(column)}
                </option>
              )}
            </For>
          </select>
        </label>
      </Match>
      <Match when={input === "series"}>
        <SeriesChoice label={props.field.label} {...props} />
      </Match>
      <Match when={isLong()}>
        <label for={id}>
          {props.field.label}
          <textarea
            id={id}
            rows="8"
            maxlength={MOST_TEXT}
            value={props.value}
            onChange={(event) => props.set(event.currentTarget.value)}
          />
        </label>
      </Match>
      <Match when={true}>
        <label for={id}>
          {props.field.label}
          <input
            id={id}
            type={input === "number" ? "number" : "text"}
            list={props.field.name === "x" ? `${id}-x` : undefined}
            placeholder={HINTS[props.field.name]}
            value={props.value}
            onChange={(event) => props.set(event.currentTarget.value)}
          />
          <Show when={props.field.name === "x"}>
            <datalist id={`${id}-x`}>
              <For
                each={["step", "time", "relative", ...props.metrics.map((one) => `metrics.${one}`)]}
              >
                {(value) => <option value={value} />}
              </For>
            </datalist>
          </Show>
        </label>
      </Match>
    </Switch>
  );
}

const HINTS: Record<string, string> = { x: "as for all", y: "0..1", bins: "by themselves" };

/** A list of metrics, expressions or columns. */
function Items(props: {
  label: string;
  items: string[];
  offered: string[];
  name: (item: string) => string;
  /** Whether others than those that are offered can be typed. */
  isFree: boolean;
  set: (items: string[]) => void;
}) {
  const id = createUniqueId();
  const [typed, setTyped] = createSignal("");
  const add = () => {
    const text = typed().trim();
    const found = props.offered.find((one) => one === text || props.name(one) === text);
    const item = found ?? (props.isFree ? text : "");
    if (!item || props.items.includes(item) || props.items.length >= MOST_ITEMS) return;
    props.set([...props.items, item]);
    setTyped("");
  };
  return (
    <fieldset class="items-of">
      <legend>{props.label}</legend>
      <For each={props.items}>
        {(item) => (
          <span class="chip">
            {props.name(item)}
            <button
              type="button"
              class="quiet"
              aria-label={`Without ${props.name(item)}`}
              onClick={() => props.set(props.items.filter((one) => one !== item))}
            >
              ✕
            </button>
          </span>
        )}
      </For>
      <input
        aria-label={`Add to ${props.label.toLowerCase()}`}
        placeholder={props.isFree ? "metric, or train/loss - val/loss" : "column"}
        list={id}
        value={typed()}
        onInput={(event) => setTyped(event.currentTarget.value)}
        onChange={add}
        onKeyDown={(event) => {
          if (event.key !== "Enter") return;
          event.preventDefault();
          add();
        }}
      />
      <datalist id={id}>
        <For each={props.offered.slice(0, 1_000)}>
          {(one) => <option value={one}>{props.name(one)}</option>}
        </For>
      </datalist>
    </fieldset>
  );
}
