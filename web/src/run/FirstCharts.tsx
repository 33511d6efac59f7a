// The charts of the metrics that matter most; the tab Charts has all, and what can be set.

import { createMemo, For, Show } from "solid-js";
import LinePanel from "../panels/kinds/LinePanel";
import type { PanelContext } from "../panels/panelContext";
import { metricId } from "../panels/panelText";
import { createSharedCursor } from "../panels/sharedCursor";
import { useZooms } from "../panels/zooms";
import { useText } from "../parts/address";
import { inOrderOfWeight, SYSTEM } from "../runs/keyMetrics";
import type { LiveRuns } from "../runs/liveRuns";
import "../style/chart.css";
import "../style/panels.css";

const MOST = 4;

export default function FirstCharts(props: { live: LiveRuns; all: () => void }) {
  const zooms = useZooms();
  const [whole, setWhole] = useText("whole");
  const metrics = createMemo(
    () => {
      const keys = [...(props.live.runs()[0]?.metrics.keys() ?? [])];
      return inOrderOfWeight(keys.filter((key) => !key.startsWith(SYSTEM)));
    },
    [],
    { equals: (a, b) => a.join("\n") === b.join("\n") },
  );
  const context: PanelContext = {
    live: props.live,
    list: undefined,
    selected: () => new Set(),
    groups: () => undefined,
    band: () => "none",
    shared: createSharedCursor(),
    isSynchronised: () => false,
    smoothing: () => undefined,
    choose: () => undefined,
    zoom: zooms.zoom,
    setZoom: zooms.setZoom,
    panels: undefined,
    whole,
    setWhole,
    edit: () => undefined,
  };
  return (
    <Show when={metrics().length}>
      <div class="panels first">
        <For each={metrics().slice(0, MOST)}>
          {(metric) => (
            <LinePanel
              panel={{ id: metricId(metric), metric, fields: {} }}
              section={{ id: "/", name: "", fields: {}, panels: [] }}
              fields={{}}
              context={context}
              set={() => undefined}
              columns={2}
            />
          )}
        </For>
      </div>
      <Show when={metrics().length > MOST}>
        <button type="button" onClick={props.all}>
          All {metrics().length} charts
        </button>
      </Show>
    </Show>
  );
}
