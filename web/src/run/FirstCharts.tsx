// The charts of the metrics that matter most; the tab Charts has all, and what can be set.

import { createMemo, For, Show } from "solid-js";
import { MetricPanel } from "../panels/MetricPanel";
import { createSharedCursor } from "../panels/sharedCursor";
import { useZooms } from "../panels/zooms";
import { inOrderOfWeight, SYSTEM } from "../runs/keyMetrics";
import type { LiveRuns } from "../runs/liveRuns";
import "../style/chart.css";

const MOST = 4;

export default function FirstCharts(props: { live: LiveRuns; all: () => void }) {
  const zooms = useZooms();
  const shared = createSharedCursor();
  const metrics = createMemo(
    () => {
      const keys = [...(props.live.runs()[0]?.metrics.keys() ?? [])];
      return inOrderOfWeight(keys.filter((key) => !key.startsWith(SYSTEM)));
    },
    [],
    { equals: (a, b) => a.join("\n") === b.join("\n") },
  );
  return (
    <Show when={metrics().length}>
      <div class="panels first">
        <For each={metrics().slice(0, MOST)}>
          {(metric) => (
            <MetricPanel
              metric={metric}
              runs={props.live.runs()}
              live={props.live}
              settings={{ axis: "step", logX: false, logY: false, smoothing: undefined }}
              zoom={zooms.zoom(metric)}
              setZoom={(range) => zooms.setZoom(metric, range)}
              shared={shared}
              isSynchronised={false}
              choose={() => undefined}
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
