// What runs logged, side by side: metrics, then params, then tags.

import { createMemo, createSignal, For, type JSX, Show } from "solid-js";
import { NOTE_TAG, type Run } from "../api/runs";
import { useText } from "../parts/address";
import { duration, quantity, time, unitOf } from "../parts/format";
import { KeyName } from "../parts/KeyName";
import { LongText } from "../parts/LongText";
import { ScrollRegion } from "../parts/ScrollRegion";
import { ShowMore } from "../parts/ShowMore";
import { StatusMark } from "../parts/StatusMark";
import { lessIsBetter } from "../runs/keyMetrics";
import { DiffButton } from "./DiffButton";
import { Heads } from "./Heads";
import { best, delta, metricRows, type Row, rowsOf, usualOf } from "./rows";

// Of params, of metrics and of tags, to begin with.
const MOST_ROWS = 200;
// A longer text is hard to compare by eye.
const LONG = 60;

export function CompareValues(props: { runs: Run[]; baseline: Run | undefined }) {
  const [differing, setDiffering] = useText("differing");
  const [search, setSearch] = useText("search");
  const metrics = createMemo(() => metricRows(props.runs));
  const params = createMemo(() => rowsOf(props.runs, (run) => run.params));
  const tags = createMemo(() =>
    rowsOf(props.runs, (run) => new Map([...run.tags].filter(([key]) => key !== "mlflow.runName"))),
  );
  const some = (rows: Row[]) => {
    const text = search().toLowerCase();
    return rows.filter(
      (row) =>
        (!differing() || row.differs) &&
        (!text || `${row.key}\n${row.texts.join("\n")}`.toLowerCase().includes(text)),
    );
  };
  return (
    <>
      <div class="bar">
        <input
          type="search"
          class="wide"
          aria-label="Search rows"
          placeholder="Search names and values"
          data-search
          value={search()}
          onInput={(event) => setSearch(event.currentTarget.value)}
        />
        <label>
          <input
            type="checkbox"
            checked={!!differing()}
            onChange={(event) => setDiffering(event.currentTarget.checked ? "1" : "")}
          />
          Only what differs
        </label>
      </div>
      <ScrollRegion label="Comparison" tall>
        <table class="compared">
          <Heads runs={props.runs} baseline={props.baseline?.id ?? ""} />
          <tbody>
            <Show when={!search()}>
              <Fact title="Status" runs={props.runs}>
                {(run) => <StatusMark status={run.status} />}
              </Fact>
              <Fact title="Started" runs={props.runs}>
                {(run) => time(run.start)}
              </Fact>
              <Fact title="Duration" runs={props.runs}>
                {(run) => (run.end ? duration(run.end - run.start) : "")}
              </Fact>
            </Show>
          </tbody>
          <Section title="Metrics" noun="metric" rows={some(metrics())} runs={props.runs}>
            {(row) => <MetricRow row={row} runs={props.runs} baseline={props.baseline} />}
          </Section>
          <Section title="Params" noun="param" rows={some(params())} runs={props.runs}>
            {(row) => <TextRow row={row} {...props} of={(run) => run.params.get(row.key) ?? ""} />}
          </Section>
          <Section title="Tags" noun="tag" rows={some(tags())} runs={props.runs}>
            {(row) => (
              <TextRow
                row={row}
                {...props}
                title={row.key === NOTE_TAG ? "Notes" : row.key}
                of={(run) => run.tags.get(row.key) ?? ""}
              />
            )}
          </Section>
        </table>
      </ScrollRegion>
    </>
  );
}

/** Rows of one kind below a heading, which folds them. */
function Section(props: {
  title: string;
  noun: string;
  rows: Row[];
  runs: Run[];
  children: (row: Row) => JSX.Element;
}) {
  const [open, setOpen] = createSignal(true);
  const around = (button: JSX.Element) => (
    <tr>
      <td colspan={props.runs.length + 1}>{button}</td>
    </tr>
  );
  return (
    <tbody>
      <tr class="heading">
        <th scope="rowgroup" colspan={props.runs.length + 1}>
          <button
            type="button"
            class="quiet"
            aria-expanded={open()}
            onClick={() => setOpen(!open())}
          >
            {open() ? "▾" : "▸"} {props.title}{" "}
          </button>
          <span class="hint">{props.rows.length}</span>
        </th>
      </tr>
      <Show when={open()}>
        <ShowMore items={props.rows} step={MOST_ROWS} noun={props.noun} around={around}>
          {props.children}
        </ShowMore>
      </Show>
    </tbody>
  );
}

function Fact(props: { title: string; runs: Run[]; children: (run: Run) => JSX.Element }) {
  return (
    <tr>
      <th scope="row">{props.title}</th>
      <For each={props.runs}>{(run) => <td>{props.children(run)}</td>}</For>
    </tr>
  );
}

// Metrics whose better way somebody turned round.
const [turned, setTurned] = createSignal(new Set<string>());

function MetricRow(props: { row: Row; runs: Run[]; baseline: Run | undefined }) {
  const key = () => props.row.key;
  const less = () => lessIsBetter(key()) !== turned().has(key());
  const turn = () => {
    const next = new Set(turned());
    if (!next.delete(key())) next.add(key());
    setTurned(next);
  };
  const lastOf = (run: Run | undefined) => run?.metrics.get(key())?.last;
  const marked = createMemo(() => best(props.runs.map(lastOf), less()));
  const change = (run: Run) =>
    run.id === props.baseline?.id ? "" : delta(lastOf(run), lastOf(props.baseline), unitOf(key()));
  return (
    <tr>
      <th scope="row">
        <KeyName name={key()} />{" "}
        <button
          type="button"
          class="quiet"
          aria-label={`${key()}: ${less() ? "less" : "more"} is better; turn round`}
          title={less() ? "Less is better" : "More is better"}
          onClick={turn}
        >
          {less() ? "↓" : "↑"}
        </button>
      </th>
      <For each={props.runs}>
        {(run, i) => (
          <td
            class="number"
            classList={{ best: marked().has(i()) }}
            title={String(lastOf(run) ?? "")}
          >
            {lastOf(run) === undefined ? "" : quantity(lastOf(run) ?? 0, unitOf(key()))}
            <Show when={marked().has(i())}>
              <span class="unseen"> (best)</span>
            </Show>
            <Show when={change(run)}>
              <span
                class="delta"
                classList={{
                  better: change(run).startsWith(less() ? "−" : "+"),
                  worse: change(run).startsWith(less() ? "+" : "−"),
                }}
              >
                {change(run)}
              </span>
            </Show>
          </td>
        )}
      </For>
    </tr>
  );
}

function TextRow(props: {
  row: Row;
  title?: string;
  runs: Run[];
  baseline: Run | undefined;
  of: (run: Run) => string;
}) {
  const first = () => props.baseline ?? props.runs[0];
  const other = () =>
    props.runs.find((run) => first() && props.of(run) !== props.of(first() as Run));
  const usual = createMemo(() =>
    props.baseline ? props.of(props.baseline) : usualOf(props.row.texts),
  );
  const isLong = () => props.row.differs && props.row.texts.some((text) => text.length > LONG);
  return (
    <tr classList={{ differs: props.row.differs }}>
      <th scope="row">
        <KeyName name={props.title ?? props.row.key} />
        <Show when={isLong() && other()}>
          {(run) => (
            <DiffButton
              name={props.title ?? props.row.key}
              runs={props.runs}
              left={first()?.id ?? ""}
              right={run().id}
              of={async (one) => props.of(one)}
            />
          )}
        </Show>
      </th>
      <For each={props.row.texts}>
        {(text) => (
          <td classList={{ other: usual() !== undefined && text !== usual() }}>
            <LongText text={text} />
          </td>
        )}
      </For>
    </tr>
  );
}
