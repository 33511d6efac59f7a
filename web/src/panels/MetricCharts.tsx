// The line charts of some runs: a panel for each metric, grouped by prefix.

import { useSearchParams } from "@solidjs/router";
import { createMemo, createSignal, For, Show } from "solid-js";
import { settled, useText } from "../parts/address";
import { ErrorNote } from "../parts/ErrorNote";
import { counted } from "../parts/format";
import { ShowMore } from "../parts/ShowMore";
import { createLiveRuns, type LiveRuns } from "../runs/liveRuns";
import { ColourChoice, ValueLegend } from "./ColourChoice";
import { useColours } from "./colours";
import type { Axis, Settings } from "./curves";
import { MetricPanel } from "./MetricPanel";
import { RunSwatch } from "./RunSwatch";
import { applied, SmoothingControl, useSmoothing } from "./SmoothingControl";
import { type CursorState, createSharedCursor } from "./sharedCursor";
import { useZooms, ZOOM, type Zooms } from "./zooms";
import "../style/chart.css";

/** The charts of runs that are read here, or of those that a page reads anyway. */
export default function MetricCharts(props: {
  runIds?: string[];
  live?: LiveRuns;
  /** Somebody chose a run, by its curve or in the legend. */
  choose?: (runId: string) => void;
}) {
  const live = props.live ?? createLiveRuns(() => props.runIds ?? []);
  const [axis] = useText("x");
  const [logX, setLogX] = useText("logx");
  const [logY, setLogY] = useText("logy");
  const [smoothing, setSmoothing] = useSmoothing();
  const [search, setSearch] = useText("metric");
  const [sync, setSync] = useText("sync");
  const [by, colourBy] = useText("colour");
  useColours(() => ({ runs: live.runs(), by: by() }));
  const shared = createSharedCursor();
  const choose = (runId: string) => {
    shared.toggleShown(runId);
    props.choose?.(runId);
  };
  const zooms = useZooms();
  const [, setQuery] = useSearchParams();
  // A range of one axis is none of another.
  const chooseAxis = (value: string) => {
    zooms.leaveAll();
    setQuery({ x: value, [ZOOM]: undefined }, { replace: true });
  };
  const settings = settled(
    (): Settings => ({
      axis: (axis() || "step") as Axis,
      logX: !!logX(),
      logY: !!logY(),
      smoothing: applied(smoothing()),
    }),
  );
  const wanted = settled(() => search().toLowerCase());
  const names = createMemo(() =>
    [...new Set(live.runs().flatMap((run) => [...run.metrics.keys()]))].sort().join("\n"),
  );
  const groups = createMemo(() => {
    const found = new Map<string, string[]>();
    for (const name of names().split("\n").filter(Boolean)) {
      if (!name.toLowerCase().includes(wanted())) continue;
      const prefix = name.slice(0, name.lastIndexOf("/") + 1);
      found.set(prefix, [...(found.get(prefix) ?? []), name]);
    }
    return [...found].map(([prefix, metrics]) => ({ prefix, metrics }));
  });

  const drawnRuns = () => {
    const metrics = groups().flatMap((group) => group.metrics);
    return live.runs().filter((run) => metrics.some((metric) => run.metrics.has(metric)));
  };

  return (
    <div class="charts">
      <div class="bar">
        <input
          type="search"
          aria-label="Search metrics"
          placeholder="Search metrics"
          value={search()}
          onInput={(event) => setSearch(event.currentTarget.value)}
        />
        <label>
          x
          <select
            aria-label="x"
            value={axis() || "step"}
            onChange={(event) => chooseAxis(event.currentTarget.value)}
          >
            <option value="step">Step</option>
            <option value="time">Time</option>
            <option value="relative">Time since start</option>
          </select>
        </label>
        <label>
          <input
            type="checkbox"
            checked={!!logX()}
            onChange={(e) => setLogX(e.currentTarget.checked ? "1" : "")}
          />
          log x
        </label>
        <label>
          <input
            type="checkbox"
            checked={!!logY()}
            onChange={(e) => setLogY(e.currentTarget.checked ? "1" : "")}
          />
          log y
        </label>
        <SmoothingControl smoothing={smoothing()} change={setSmoothing} />
        <label title="One cursor and one range for all charts">
          <input
            type="checkbox"
            checked={!!sync()}
            onChange={(e) => setSync(e.currentTarget.checked ? "1" : "")}
          />
          Synchronise
        </label>
        <ColourChoice runs={live.runs()} by={by()} choose={colourBy} />
      </div>
      <Show when={live.error()}>{(error) => <ErrorNote error={error()} again={live.read} />}</Show>
      <Show when={by()}>
        <ValueLegend runs={live.runs()} by={by()} />
      </Show>
      <ul class="legend" aria-label="Runs">
        <For each={drawnRuns()}>
          {(run) => (
            <li>
              <button
                type="button"
                class="quiet"
                aria-pressed={shared.shown() === run.id}
                onClick={() => choose(run.id)}
              >
                <RunSwatch id={run.id} /> {run.name}
              </button>
            </li>
          )}
        </For>
      </ul>
      <Show when={!live.loading() && !groups().length}>
        <p class="empty">
          {names() ? "No metric's name contains this." : "These runs have logged no metrics yet."}
        </p>
      </Show>
      <For each={groups()}>
        {(group) => (
          <Group
            prefix={group.prefix}
            metrics={group.metrics}
            live={live}
            settings={settings()}
            zooms={zooms}
            shared={shared}
            isSynchronised={!!sync()}
            choose={choose}
          />
        )}
      </For>
    </div>
  );
}

// Of a group, to begin with.
const MOST_PANELS = 100;

// Groups that somebody folded.
const [folded, setFolded] = createSignal(new Set<string>());

function Group(props: {
  prefix: string;
  metrics: string[];
  live: LiveRuns;
  settings: Settings;
  zooms: Zooms;
  shared: CursorState;
  isSynchronised: boolean;
  choose: (runId: string) => void;
}) {
  // Synchronised charts have one range, under no metric's name.
  const zoomed = (metric: string) => (props.isSynchronised ? "" : metric);
  const isOpen = () => !folded().has(props.prefix);
  const toggle = (event: Event & { currentTarget: HTMLDetailsElement }) => {
    const all = new Set(folded());
    if (event.currentTarget.open) all.delete(props.prefix);
    else all.add(props.prefix);
    setFolded(all);
  };
  return (
    <details class="group" open={isOpen()} onToggle={toggle}>
      <summary>
        {props.prefix || "metrics"}{" "}
        <span class="hint">{counted(props.metrics.length, "metric")}</span>
      </summary>
      <Show when={isOpen()}>
        <div class="panels">
          <ShowMore items={props.metrics} step={MOST_PANELS} noun="chart">
            {(metric) => (
              <MetricPanel
                metric={metric}
                runs={props.live.runs()}
                live={props.live}
                settings={props.settings}
                zoom={props.zooms.zoom(zoomed(metric))}
                setZoom={(range) => props.zooms.setZoom(zoomed(metric), range)}
                shared={props.shared}
                isSynchronised={props.isSynchronised}
                choose={props.choose}
              />
            )}
          </ShowMore>
        </div>
      </Show>
    </details>
  );
}
