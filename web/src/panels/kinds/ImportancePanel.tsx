// How much each param matters for a number of all runs that are found, as bars.

import { createSignal, For, onCleanup, onMount, Show } from "solid-js";
import type { Importance, ParamImportance } from "../../api/importance";
import { useList, useText } from "../../parts/address";
import { ErrorNote } from "../../parts/ErrorNote";
import { count, counted } from "../../parts/format";
import { title } from "../../runs/columns";
import { useFirstMetric } from "../firstColumns";
import { PanelFrame } from "../PanelFrame";
import type { KindProps } from "../panelContext";
import { createParamImportance } from "../paramImportance";
import type { Rows } from "../saveTable";
import { tableActions } from "../saveTable";
import { createSight } from "../seen";
import { titleOf } from "../titles";

const ROW = 22;
const NAMES = 130;
const TEXT = 110;

export default function ImportancePanel(props: KindProps) {
  let root!: HTMLElement;
  let ground!: HTMLDivElement;
  let drawing!: SVGSVGElement;
  const { inSight } = createSight(() => root);
  const [width, setWidth] = createSignal(400);
  const [chosen, choose] = createSignal("");
  const firstMetric = useFirstMetric(props.context);
  onMount(() => {
    const size = new ResizeObserver(() => setWidth(ground.clientWidth));
    size.observe(ground);
    onCleanup(() => size.disconnect());
  });
  const number = () =>
    props.fields.number ||
    (props.panel.metric === undefined ? firstMetric() : `metrics.${props.panel.metric}`);
  const panelTitle = () =>
    titleOf({ ...props.panel, fields: { ...props.panel.fields, number: number() } });
  const { found, error, loading, again } = createParamImportance(props.context, number, inSight);
  const params = () => found()?.params ?? [];
  const widest = () => Math.max(...params().map((one) => one.importance), 1e-9);
  const length = (one: ParamImportance) =>
    (Math.max(0, width() - NAMES - TEXT) * one.importance) / widest();
  const chosenParam = () => params().find((one) => one.key === chosen());
  const height = () => params().length * ROW + 4;
  return (
    <PanelFrame
      {...props}
      ref={(element) => {
        root = element;
      }}
      title={panelTitle()}
      label={`${panelTitle()}, ${counted(params().length, "param")}`}
      busy={loading()}
      hint={
        <span class="hint" role="status">
          {told(found())}
        </span>
      }
      picture={() => drawing}
      actions={tableActions(panelTitle, () => tableOf(found()))}
    >
      <Show when={error()}>{(failure) => <ErrorNote error={failure()} again={again} />}</Show>
      <div class="plot drawing scrolled" ref={ground}>
        <Show when={why(number(), found(), loading())}>
          {(text) => <p class="empty">{text()}</p>}
        </Show>
        <svg
          ref={drawing}
          role="group"
          aria-label={`Params by their importance for ${title(number())}`}
          width={width()}
          height={height()}
          viewBox={`0 0 ${width()} ${height()}`}
        >
          <For each={params()}>
            {(one, i) => (
              <g
                class="bar-row"
                role="button"
                tabindex="0"
                aria-pressed={chosen() === one.key}
                aria-label={describe(one, number())}
                transform={`translate(0,${i() * ROW + 2})`}
                onClick={() => choose(one.key)}
                onKeyDown={(event) => {
                  if (event.key !== "Enter" && event.key !== " ") return;
                  event.preventDefault();
                  choose(one.key);
                }}
              >
                <title>{describe(one, number())}</title>
                <rect class="ground" width={width()} height={ROW} />
                <text class="tick" x={NAMES - 6} y={14} text-anchor="end">
                  {one.key.length > 20 ? `${one.key.slice(0, 19)}…` : one.key}
                </text>
                <rect
                  class={`importance ${sign(one)}`}
                  x={NAMES}
                  y={3}
                  width={Math.max(1, length(one))}
                  height={ROW - 6}
                />
                <text class="tick" x={NAMES + length(one) + 5} y={14}>
                  {valueText(one, found())}
                </text>
              </g>
            )}
          </For>
        </svg>
      </div>
      <Show when={chosenParam()}>
        {(one) => <ParamActions {...props} param={one()} number={number()} />}
      </Show>
    </PanelFrame>
  );
}

/** What can be done with a param that somebody chose. */
function ParamActions(props: KindProps & { param: ParamImportance; number: string }) {
  const [, setColumns] = useList("columns");
  const [, colourBy] = useText("colour");
  const { list, panels } = props.context;
  const column = () => `params.${props.param.key}`;
  const show = () =>
    setColumns((now) => [...(now.length ? now : (list?.columns() ?? [])), column()]);
  const addScatter = () =>
    panels?.add({
      kind: "scatter",
      in: props.section.id.slice(1),
      px: column(),
      py: props.number,
    });
  return (
    <p class="told param-actions" role="status">
      <span>{describe(props.param, props.number)}</span>
      <Show when={list && !list.columns().includes(column())}>
        <button type="button" onClick={() => show()}>
          Show as a column
        </button>
      </Show>
      <button type="button" onClick={() => colourBy(column())}>
        Colour runs by it
      </button>
      <Show when={panels}>
        <button type="button" onClick={addScatter}>
          Add a scatter
        </button>
      </Show>
    </p>
  );
}

/** Returns how it was computed, and of how many runs. */
function told(found: Importance | undefined): string {
  if (!found?.method) return "";
  const runs = `${count(found.used)} of ${count(found.runs)} runs`;
  const params =
    found.differing > found.params.length
      ? `, ${found.params.length} of ${count(found.differing)} params`
      : "";
  if (found.method === "correlation") return `rank correlation, ${runs}${params}`;
  const score = Math.max(0, Math.round(100 * (found.score ?? 0)));
  return `random forest, foretells ${score} %, ${runs}${params}`;
}

/** Returns why there are no bars. */
function why(number: string, found: Importance | undefined, isComputing: boolean): string {
  if (!number) return "These runs have logged no metrics yet.";
  if (!found && isComputing) return "The server is computing it, for ten seconds at most.";
  if (!found || found.params.some((one) => one.importance > 0)) return "";
  const has = `${count(found.used)} of ${counted(found.runs, "run")}`;
  if (!found.method) return `${has} have ${title(number)}: five are needed.`;
  if (!found.params.length) return "These runs have the same params.";
  return "No param says anything about it.";
}

function sign(one: ParamImportance): "rising" | "falling" | "" {
  return one.correlation === undefined || one.correlation === 0
    ? ""
    : one.correlation > 0
      ? "rising"
      : "falling";
}

function correlationText(one: ParamImportance): string {
  if (one.correlation === undefined) return "";
  return `${one.correlation < 0 ? "−" : "+"}${Math.abs(one.correlation).toFixed(2)}`;
}

function valueText(one: ParamImportance, found: Importance | undefined): string {
  const share =
    found?.method === "forest"
      ? `${Math.round(100 * one.importance)} %`
      : one.importance.toFixed(2);
  const text = correlationText(one);
  return text ? `${share} (${text})` : share;
}

/** Returns a sentence on a param: its importance, its direction, and what of it there is. */
function describe(one: ParamImportance, number: string): string {
  const direction = { rising: "rises with it", falling: "falls as it rises", "": "" }[sign(one)];
  const way = direction ? `: ${title(number)} ${direction} (${correlationText(one)})` : "";
  const there = `${counted(one.values, "value")} in ${counted(one.runs, "run")}`;
  return `${one.key}, importance ${one.importance.toFixed(2)}${way}; ${there}`;
}

function tableOf(found: Importance | undefined): Rows {
  const rows = (found?.params ?? []).map((one) => [
    one.key,
    one.importance,
    one.correlation ?? null,
    one.runs,
    one.values,
  ]);
  return [["param", "importance", "rank correlation", "runs", "values"], ...rows];
}
