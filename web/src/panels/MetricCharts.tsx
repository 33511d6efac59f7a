// The panels of some runs: a line panel for each metric, grouped by prefix, and what somebody made
// of that.

import { createEffect, createMemo, createSignal, For, onCleanup, onMount, Show } from "solid-js";
import type { RunGroup } from "../api/runGroups";
import { settled, useText } from "../parts/address";
import { ErrorNote } from "../parts/ErrorNote";
import { fontScale } from "../parts/fontScale";
import { count, counted } from "../parts/format";
import { keepPlace } from "../parts/places";
import type { DrawnGroups } from "../runs/drawnGroups";
import { groupTitle } from "../runs/groups";
import { createLiveRuns, type LiveRuns } from "../runs/liveRuns";
import type { RunList } from "../runs/runList";
import { ChartSettings } from "./ChartSettings";
import { ValueLegend } from "./ColourChoice";
import { useColours } from "./colours";
import { createMediaOfRuns } from "./mediaOfRuns";
import { PanelSection } from "./PanelSection";
import type { ChangeableContext } from "./panelContext";
import { createPanelSearch } from "./panelSearch";
import { RunSwatch } from "./RunSwatch";
import { createSeen } from "./seen";
import { createSharedCursor } from "./sharedCursor";
import { searchText } from "./titles";
import { usePanels } from "./usePanels";
import { useSettings } from "./useSettings";
import { useZooms } from "./zooms";
import "../style/chart.css";
import "../style/panels.css";
import { lazyPart } from "../parts/lazyPart";

const PanelDialog = lazyPart(() => import("./PanelDialog"));
const SectionDialog = lazyPart(() => import("./SectionDialog"));

// What a panel needs, and what is between two, in pixels of a font of 14.
const PANEL = 26 * 14;
const GAP = 10;

/** The panels of runs that are read here, or of those that a page reads anyway. */
export default function MetricCharts(props: {
  runIds?: string[];
  live?: LiveRuns;
  /** All runs that the page found. */
  list?: RunList;
  selected?: Set<string>;
  /** The groups that are drawn; undefined where runs are not grouped. */
  groups?: DrawnGroups | undefined;
  /** Somebody chose a run, by its curve or in the legend. */
  choose?: (runId: string) => void;
}) {
  let root!: HTMLDivElement;
  const live = props.live ?? createLiveRuns(() => props.runIds ?? []);
  const settings = useSettings();
  const [search] = useText("metric");
  // Charts in a frame of another page are looked at.
  const [frame] = useText("frame");
  const [, setFlat] = useText("flat");
  const [whole, setWhole] = useText("whole");
  const [by, colourBy] = useText("colour");
  useColours(() => ({ runs: live.runs(), by: by(), groups: props.groups?.groups ?? [] }));
  const shared = createSharedCursor();
  const zooms = useZooms();
  const [edited, setEdited] = createSignal<string>();
  const [section, setSection] = createSignal<string>();
  // Panels are made once their width is known: it says how many points they read.
  const [columns, setColumns] = createSignal<number>();
  onMount(() => {
    const fit = () => {
      const needed = PANEL * fontScale() + GAP;
      setColumns(Math.max(1, Math.floor((root.clientWidth + GAP) / needed)));
    };
    fit();
    const size = new ResizeObserver(fit);
    size.observe(root);
    onCleanup(() => size.disconnect());
    keepPlace(root, "charts");
  });

  const names = createMemo(
    () => [...new Set(live.runs().flatMap((run) => [...run.metrics.keys()]))].sort(),
    [],
    { equals: (a, b) => a.join("\n") === b.join("\n") },
  );
  const changes = settled(useText("panels")[0]);
  const [atEnd, setAtEnd] = createSignal(false);
  // A workspace has panels of media by itself, once it is looked at that far or they were changed.
  const series = createMediaOfRuns(
    live,
    () => !!props.list && (atEnd() || /(^|,)(\/media|@)/.test(changes())),
  );
  const panels = usePanels(names, series);
  const wanted = createPanelSearch(settled(search), () =>
    panels.sections().flatMap((one) => one.panels.map(searchText)),
  );
  const sections = createMemo(() =>
    panels.sections().flatMap((one) => {
      const found = one.panels.filter((panel) => wanted.finds(searchText(panel)));
      const isShown = found.length || (!search() && one.fields.own);
      return isShown ? [{ ...one, panels: found }] : [];
    }),
  );
  const choose = (runId: string) => {
    shared.toggleShown(runId);
    props.choose?.(runId);
  };
  // Synchronised charts have one range, under no panel's name.
  const zoomed = (id: string) => (settings.isSynchronised() ? "" : id);
  const context: ChangeableContext = {
    live,
    list: props.list,
    selected: () => props.selected ?? new Set(),
    groups: () => props.groups,
    band: settings.band,
    shared,
    isSynchronised: settings.isSynchronised,
    smoothing: settings.smoothing,
    choose,
    zoom: (id) => zooms.zoom(zoomed(id)),
    setZoom: (id, range) => zooms.setZoom(zoomed(id), range),
    panels,
    whole,
    setWhole,
    edit: setEdited,
  };
  const groups = createMemo(() => new Map(props.groups?.groups.map((one) => [one.id, one])));
  const runs = createMemo(() => {
    const isSingle = (id: string) => props.groups?.singles.has(id) ?? true;
    const some = live.runs().filter(({ id, metrics }) => metrics.size && isSingle(id));
    return new Map(some.map((run) => [run.id, run]));
  });
  /** Whether there are child runs that the list does not draw, because it folds them. */
  const hasFolded = () =>
    props.list?.query().topLevel && props.list.lines().some((line) => line.children);
  const isEmpty = () => !live.loading() && !sections().length;
  const add = () => {
    const first = panels.sections()[0]?.id.slice(1) ?? "";
    setEdited(panels.add({ kind: "line", in: first, of: "" }));
  };

  const keys = () => props.groups?.by ?? [];
  const groupName = (id: string) => {
    const group = groups().get(id);
    return group && groupTitle(group, keys());
  };

  return (
    <div ref={root} class="charts">
      <Show when={frame() !== "none"}>
        <ChartSettings
          settings={settings}
          leaveRanges={zooms.leaveAll}
          metrics={names()}
          error={wanted.error()}
          add={add}
          addSection={() => setSection("")}
          panels={panels}
          runs={live.runs()}
          isGrouped={!!props.groups}
          by={by()}
          colourBy={colourBy}
        />
      </Show>
      <Show when={live.error()}>{(error) => <ErrorNote error={error()} again={live.read} />}</Show>
      <Show when={by()}>
        <ValueLegend runs={live.runs()} by={by()} />
      </Show>
      <ul class="legend" aria-label={props.groups ? "Groups" : "Runs"}>
        {/* By their ids: what is told of a group anew leaves the focus where it is. */}
        <For each={[...groups().keys(), ...runs().keys()]}>
          {(id) => (
            <li>
              <button
                type="button"
                class="quiet"
                title={runs().get(id)?.name ?? groupName(id)}
                aria-pressed={shared.shown() === id}
                onClick={() => choose(id)}
              >
                <RunSwatch id={id} /> {runs().get(id)?.name}
                <Show when={groups().get(id)}>
                  {(group) => (
                    <>
                      {keys().length > 1 ? group().names.join(", ") : groupName(id)}{" "}
                      <span class="hint">{membersText(group())}</span>
                    </>
                  )}
                </Show>
              </button>
            </li>
          )}
        </For>
      </ul>
      <Show when={isEmpty()}>
        <div class="empty">
          <p>
            {names().length
              ? "No panel's name has this."
              : "These runs have logged no metrics yet."}
          </p>
          <Show when={!names().length && hasFolded()}>
            <button type="button" onClick={() => setFlat("1")}>
              Show their child runs
            </button>
          </Show>
        </div>
      </Show>
      <Show when={!live.loading() && columns()}>
        {(across) => (
          <>
            <For each={sections().map((one) => one.id)}>
              {(id) => (
                <PanelSection
                  id={id}
                  section={sections().find((one) => one.id === id)}
                  context={context}
                  all={settings.all()}
                  columns={across()}
                  edit={() => setSection(id)}
                />
              )}
            </For>
            <End reached={() => setAtEnd(true)} />
          </>
        )}
      </Show>
      <Show when={edited() !== undefined && panels.panel(edited() ?? "")}>
        {(panel) => (
          <PanelDialog
            panel={panel()}
            context={context}
            metrics={names()}
            close={() => setEdited(undefined)}
          />
        )}
      </Show>
      <Show when={section() !== undefined}>
        <SectionDialog
          section={panels.section(section() ?? "")}
          panels={panels}
          close={() => setSection(undefined)}
        />
      </Show>
    </div>
  );
}

/** Stands behind all sections, and tells when it is in sight. */
function End(props: { reached: () => void }) {
  let mark!: HTMLDivElement;
  const seen = createSeen(() => mark);
  createEffect(() => seen() && props.reached());
  return <div ref={mark} class="end" />;
}

/** `20 runs`; `1,000 of 2,345 runs`, where others have no part in the curve. */
function membersText({ runs, runIds }: RunGroup): string {
  return (runIds.length < runs ? `${count(runIds.length)} of ` : "") + counted(runs, "run");
}
