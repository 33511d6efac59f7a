// The charts that a query of the workspace says, on a page that has another address. They have a
// router of their own, in which what they read and change of an address is that of the query.

import { createRouter, Route } from "@solidjs/router";
import { createMemo, Show } from "solid-js";
import { statisticOf } from "../api/runGroups";
import { useIds, useList, useText } from "../parts/address";
import { ErrorNote } from "../parts/ErrorNote";
import { lazyPart } from "../parts/lazyPart";
import { chartRuns, createDrawnGroups } from "../runs/drawnGroups";
import { createRunList } from "../runs/runList";
import { orderOf, sortOf } from "../runs/sort";
import { createVisibleRuns } from "../runs/visibleRuns";

const MetricCharts = lazyPart(() => import("./MetricCharts"));

export default function QueryCharts(props: { experimentId: string; query: string }) {
  let address = `/?${props.query}`;
  // Without the handlers of links that a router of the page has: those are for its own addresses.
  const router = createRouter({
    get: () => address,
    set: ({ value }) => {
      address = value;
    },
  });
  return router({
    children: <Route path="*" component={() => <Charts experimentId={props.experimentId} />} />,
  });
}

function Charts(props: { experimentId: string }) {
  const [filter] = useText("filter");
  const [order] = useText("sort");
  const [flat] = useText("flat");
  const [selected] = useIds("selected");
  const [groups] = useList("groups");
  const [statistic] = useText("statistic");
  const list = createRunList(() => ({
    experimentId: props.experimentId,
    filter: filter(),
    order: order() ? [orderOf(sortOf(order()))] : [],
    view: "ACTIVE_ONLY",
    nested: !flat(),
    columns: [],
    groups: groups(),
    sort: sortOf(order()),
    statistic: statisticOf(statistic()),
  }));
  const visible = createVisibleRuns({
    listed: (most) =>
      list
        .lines()
        .slice(0, most)
        .map((line) => line.run.id),
    selected,
    groups: list.groupIds,
  });
  const drawnGroups = createDrawnGroups(list, visible);
  const drawn = createMemo(() => chartRuns(drawnGroups(), visible));
  return (
    <div class="query-charts" data-runs={visible.drawn().join(",")}>
      <Show when={list.error()}>
        {(error) => <ErrorNote error={error()} again={list.reload} />}
      </Show>
      <Show
        when={drawn().length}
        fallback={<p class="empty">{list.loading() ? "Loading…" : "No runs are found."}</p>}
      >
        <MetricCharts runIds={drawn()} groups={drawnGroups()} list={list} />
      </Show>
    </div>
  );
}
