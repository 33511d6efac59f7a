// What is above the panels: the search for some, what is set for all, and how to add more.

import { createSignal, createUniqueId, For, Show } from "solid-js";
import { BANDS, type Band } from "../api/groupedHistories";
import type { Run } from "../api/runs";
import { useText } from "../parts/address";
import type { Column } from "../runs/columns";
import { ColourChoice } from "./ColourChoice";
import { SmoothingControl, SmoothingKindChoice, USUAL_KIND } from "./SmoothingControl";
import type { Panels } from "./usePanels";
import type { AllSettings } from "./useSettings";

// Metrics that are offered as x.
const MOST_OFFERED = 200;

export function ChartSettings(props: {
  settings: AllSettings;
  leaveRanges: () => void;
  metrics: string[];
  /** Why the search finds nothing. */
  error: string;
  add: () => void;
  addSection: () => void;
  panels: Panels;
  runs: Run[];
  /** Whether curves are those of groups. */
  isGrouped: boolean;
  /** What runs are coloured by. */
  by: Column;
  colourBy: (column: Column) => void;
}) {
  const { settings } = props;
  const [search, setSearch] = useText("metric");
  // What is set under *More* is in sight to begin with.
  const [isOpen, setOpen] = createSignal(
    MORE.some((name) => settings.get(name)) || settings.chosen().kind !== USUAL_KIND,
  );
  const id = createUniqueId();
  // Groups are not smoothed, only the single runs among them.
  const smoothing = () => (
    <SmoothingControl smoothing={settings.chosen()} change={settings.smooth} />
  );
  return (
    <>
      <div class="bar chart-bar">
        <input
          type="search"
          aria-label="Search metrics"
          aria-describedby={`${id}-error`}
          placeholder="Search panels"
          title="Words of a name, or a /regular expression/"
          value={search()}
          onInput={(event) => setSearch(event.currentTarget.value)}
        />
        <span id={`${id}-error`} class="bad" role="status">
          {props.error}
        </span>
        <label>
          x
          <select
            aria-label="x"
            onChange={(event) => {
              props.leaveRanges();
              settings.chooseAxis(event.currentTarget.value);
            }}
          >
            <For each={Object.entries(AXES)}>
              {([value, name]) => (
                <option value={value} selected={(settings.get("x") || "step") === value}>
                  {name}
                </option>
              )}
            </For>
            <optgroup label="Metrics">
              <For each={props.metrics.slice(0, MOST_OFFERED)}>
                {(metric) => (
                  <option
                    value={`metrics.${metric}`}
                    selected={settings.get("x") === `metrics.${metric}`}
                  >
                    {metric}
                  </option>
                )}
              </For>
            </optgroup>
          </select>
        </label>
        <Switch settings={settings} name="logy" label="log y" />
        <Show when={!props.isGrouped}>{smoothing()}</Show>
        <label title="One cursor and one range for all charts">
          <input
            type="checkbox"
            aria-label="Synchronise"
            checked={settings.isSynchronised()}
            onChange={(event) => settings.synchronise(event.currentTarget.checked)}
          />
          Sync
        </label>
        <Show when={props.isGrouped}>
          <label>
            Band
            <select
              aria-label="Band around groups"
              value={settings.band()}
              onChange={(event) => settings.chooseBand(event.currentTarget.value as Band)}
            >
              <For each={BANDS}>{(band) => <option value={band}>{BAND_NAMES[band]}</option>}</For>
            </select>
          </label>
        </Show>
        <ColourChoice
          runs={props.runs}
          by={props.by}
          choose={props.colourBy}
          usual={props.isGrouped ? "by group" : "by run"}
        />
        <button
          type="button"
          class="quiet"
          aria-expanded={isOpen()}
          onClick={() => setOpen(!isOpen())}
        >
          More
        </button>
        <span class="space" />
        <button type="button" onClick={() => props.add()}>
          Add panel
        </button>
      </div>
      <Show when={isOpen()}>
        <div class="bar">
          <Switch settings={settings} name="logx" label="log x" />
          <Switch settings={settings} name="outliers" label="Ignore outliers" />
          <label>
            y
            <input
              type="text"
              size="12"
              aria-label="y from..to of all charts"
              placeholder="from..to"
              value={settings.get("y")}
              onChange={(event) => settings.set("y", event.currentTarget.value)}
            />
          </label>
          <Show when={props.isGrouped}>{smoothing()}</Show>
          <SmoothingKindChoice smoothing={settings.chosen()} change={settings.smooth} />
          <button type="button" onClick={() => props.addSection()}>
            Add section
          </button>
          <button
            type="button"
            disabled={!props.panels.isChanged()}
            onClick={() => props.panels.reset()}
          >
            Reset panels
          </button>
        </div>
      </Show>
    </>
  );
}

const BAND_NAMES: Record<Band, string> = {
  deviation: "± std. dev.",
  extremes: "min to max",
  none: "none",
};

const MORE = ["logx", "outliers", "y"];
const AXES = { step: "Step", time: "Time", relative: "Time since start" };

function Switch(props: { settings: AllSettings; name: string; label: string }) {
  return (
    <label>
      <input
        type="checkbox"
        checked={!!props.settings.get(props.name)}
        onChange={(event) => props.settings.set(props.name, event.currentTarget.checked ? "1" : "")}
      />
      {props.label}
    </label>
  );
}
