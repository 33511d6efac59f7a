// A value of each run, or the mean of each group of runs, as bars.

import { createMemo, createSignal, For, onCleanup, onMount, Show } from "solid-js";
import type { Run } from "../../api/runs";
import { ErrorNote } from "../../parts/ErrorNote";
import { count, counted, quantity, unitOf } from "../../parts/format";
import { numberOf } from "../../parts/numeric";
import { parts, value } from "../../runs/columns";
import { groupTitle } from "../../runs/groups";
import { metricDash, runColour } from "../colours";
import { ofNumbers } from "../dimensions";
import { evaluate, expressionOf, namesOf } from "../expression";
import { useFirstMetric } from "../firstColumns";
import { PanelFrame } from "../PanelFrame";
import type { KindProps } from "../panelContext";
import { fieldOf, itemsOf } from "../panelText";
import { createRunValues } from "../runValues";
import type { Rows } from "../saveTable";
import { tableActions } from "../saveTable";
import { createSight } from "../seen";
import { titleOf } from "../titles";

const ROW = 20;
const NAMES = 130;
const RIGHT = 70;
const FOOT = 26;
const MOST_ROWS = 200;

/** A bar: of one run, or of several. */
interface Row {
  key: string;
  name: string;
  runs: Run[];
  /** Mean, least and greatest of each metric. */
  values: { mean: number; min: number; max: number }[];
}

export default function BarPanel(props: KindProps) {
  let root!: HTMLElement;
  let ground!: HTMLDivElement;
  let drawing!: SVGSVGElement;
  const { inSight } = createSight(() => root);
  const { context } = props;
  const { live } = context;
  const [width, setWidth] = createSignal(400);
  onMount(() => {
    const size = new ResizeObserver(() => setWidth(ground.clientWidth));
    size.observe(ground);
    onCleanup(() => size.disconnect());
  });
  const { metric } = props.panel;
  const firstMetric = useFirstMetric(context);
  const of = () => {
    if (props.fields.of) return itemsOf(props.fields.of);
    return [metric ?? parts(firstMetric())[1]].filter(Boolean);
  };
  const panelTitle = () =>
    titleOf({ ...props.panel, fields: { ...props.panel.fields, of: fieldOf(of()) } });
  const by = () => props.fields.by ?? "";
  /** The groups that have a bar each, by their runs: those of the page, if no column is chosen. */
  const groupOf = createMemo(() => {
    const drawn = by() || !context.list ? undefined : context.groups();
    return (
      drawn &&
      new Map(
        drawn.groups.flatMap((group) => {
          const named = { id: group.id, title: groupTitle(group, drawn.by) };
          return group.runIds.map((id) => [id, named] as const);
        }),
      )
    );
  });
  const isOfMany = () => !!by() || !!groupOf();
  const group = () => props.fields.value || "metrics";
  const known = createMemo(() => new Set(live.runs().flatMap((run) => [...run.metrics.keys()])));
  const expressions = createMemo(() =>
    of().flatMap((text) => {
      try {
        return [{ text, expression: expressionOf(text, known()) }];
      } catch {
        return [];
      }
    }),
  );
  const columns = () => {
    const names = expressions().flatMap(({ expression }) => namesOf(expression));
    return [...names.map((name) => `${group()}.${name}`), ...(by() ? [by()] : [])];
  };
  const found = createRunValues(context, columns, () => isOfMany() && inSight());
  // Groups are of all runs that were found, bars of runs are of those that are drawn.
  const runs = () => (isOfMany() ? found.runs() : live.runs());
  const keyOf = (run: Run) => {
    if (by()) return String(value(run, by()) ?? "—");
    return groupOf() ? groupOf()?.get(run.id)?.id : run.id;
  };
  const nameOf = (key: string, some: Run[]) => {
    const first = some[0];
    if (!isOfMany()) return first?.name ?? key;
    return `${(first && groupOf()?.get(first.id)?.title) ?? key} (${some.length})`;
  };
  const rows = createMemo((): Row[] => {
    const groups = new Map<string, Run[]>();
    for (const run of runs()) {
      const key = keyOf(run);
      if (key !== undefined) groups.set(key, [...(groups.get(key) ?? []), run]);
    }
    return [...groups]
      .map(([key, some]) => ({
        key,
        name: nameOf(key, some),
        runs: some,
        values: expressions().map(({ expression }) => {
          const values = some
            .map((run) =>
              evaluate(
                expression,
                (name) => numberOf(value(run, `${group()}.${name}`) ?? "") ?? Number.NaN,
              ),
            )
            .filter(Number.isFinite);
          const mean = values.reduce((sum, one) => sum + one / values.length, 0);
          return {
            mean: values.length ? mean : Number.NaN,
            min: values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY),
            max: values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY),
          };
        }),
      }))
      .filter((row) => row.values.some(({ mean }) => Number.isFinite(mean)))
      .sort((a, b) => (b.values[0]?.mean ?? 0) - (a.values[0]?.mean ?? 0));
  });
  const shown = () => rows().slice(0, MOST_ROWS);
  /** One that has the unit of all bars. */
  const column = () =>
    new Set(of().map(unitOf)).size === 1 ? `metrics.${of()[0]}` : "metrics.value";
  const scale = createMemo(() => {
    const ends = shown().flatMap((row) => row.values.flatMap(({ min, max }) => [min, max]));
    const isLog = props.fields.logx === "1";
    const numbers = ends.filter(Number.isFinite);
    return ofNumbers(column(), isLog ? numbers : [0, ...numbers], NAMES, width() - RIGHT, isLog);
  });
  const at = (one: number) => scale().fromText(String(one));
  const valueText = (mean: number, metric: number) =>
    quantity(mean, unitOf(expressions()[metric]?.text ?? ""));
  const zero = () => (props.fields.logx === "1" ? NAMES : at(0));
  const thick = () => (ROW - 4) / Math.max(1, expressions().length);
  const height = () => shown().length * ROW + FOOT;
  const colourOf = (row: Row) => (by() ? "var(--accent)" : runColour(row.key));
  const table = (): Rows => [
    [
      by() || (groupOf() ? "group" : "run"),
      "runs",
      ...expressions().flatMap(({ text }) => [text, `${text} min`, `${text} max`]),
    ],
    ...rows().map((row) => [
      row.name,
      row.runs.length,
      ...row.values.flatMap(({ mean, min, max }) => [mean, min, max]),
    ]),
  ];
  return (
    <PanelFrame
      {...props}
      ref={(element) => {
        root = element;
      }}
      title={panelTitle()}
      label={`${panelTitle()}, ${counted(rows().length, "bar")}`}
      busy={isOfMany() ? found.loading() : false}
      hint={
        <Show when={isOfMany() || rows().length > MOST_ROWS}>
          <span class="hint" role="status">
            {isOfMany()
              ? `mean of ${count(found.runs().length)} of ${count(found.total() ?? 0)} runs`
              : `${MOST_ROWS} of ${count(rows().length)} runs`}
          </span>
        </Show>
      }
      picture={() => drawing}
      actions={tableActions(panelTitle, table)}
    >
      <Show when={found.error()}>
        {(error) => <ErrorNote error={error()} again={found.again} />}
      </Show>
      <div
        class="plot drawing scrolled"
        ref={ground}
        tabindex="0"
        role="region"
        aria-label={panelTitle()}
      >
        <Show when={!expressions().length || (!rows().length && !found.loading())}>
          <p class="empty">
            {expressions().length ? "No run has a value." : "Edit it to choose metrics."}
          </p>
        </Show>
        <svg
          ref={drawing}
          role="img"
          aria-label={`Bars of ${of().join(", ")}`}
          width={width()}
          height={height()}
          viewBox={`0 0 ${width()} ${height()}`}
        >
          <For each={shown()}>
            {(row, i) => (
              <g
                class="bar-row"
                transform={`translate(0,${i() * ROW + 2})`}
                onClick={() => !by() && context.choose(row.key)}
              >
                <title>
                  {[row.name, ...row.values.map(({ mean }, j) => valueText(mean, j))].join(" · ")}
                </title>
                <text class="tick" x={NAMES - 6} y={12} text-anchor="end">
                  {row.name.length > 20 ? `${row.name.slice(0, 19)}…` : row.name}
                </text>
                <For each={row.values}>
                  {({ mean, min, max }, j) => (
                    <Show when={Number.isFinite(mean)}>
                      <rect
                        x={Math.min(zero(), at(mean))}
                        width={Math.max(1, Math.abs(at(mean) - zero()))}
                        y={j() * thick()}
                        height={Math.max(1, thick() - 1)}
                        fill-opacity={1 / (1 + j() * 0.6)}
                        stroke-dasharray={metricDash(j()).join(" ")}
                        style={{ fill: colourOf(row) }}
                      />
                      <Show when={row.runs.length > 1}>
                        <line
                          class="whisker"
                          x1={at(min)}
                          x2={at(max)}
                          y1={(j() + 0.5) * thick()}
                          y2={(j() + 0.5) * thick()}
                        />
                      </Show>
                      <text
                        class="tick"
                        x={Math.max(at(max), zero()) + 4}
                        y={(j() + 0.5) * thick() + 4}
                      >
                        {valueText(mean, j())}
                      </text>
                    </Show>
                  )}
                </For>
              </g>
            )}
          </For>
          <For each={shown().length ? scale().ticks : []}>
            {(tick) => (
              <text class="tick" x={tick.at} y={height() - 8} text-anchor="middle">
                {tick.text}
              </text>
            )}
          </For>
        </svg>
      </div>
    </PanelFrame>
  );
}
