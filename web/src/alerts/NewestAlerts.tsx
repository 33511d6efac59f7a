// The list that the bell opens.

import { createEffect, createSignal, on, Show } from "solid-js";
import { experimentNames } from "../api/experiments";
import { createLoaded } from "../parts/loaded";
import { AlertList } from "./AlertList";
import { alerts, MOST } from "./feed";
import { NotificationChoice } from "./NotificationChoice";
import { noteSeen, unseenOf } from "./seen";

export default function NewestAlerts() {
  // What was new when the list was opened, or came since, is marked as long as it is open.
  const [unseen, setUnseen] = createSignal(new Set<string>());
  createEffect(
    on(alerts, (all = []) => {
      setUnseen((before) => new Set([...before, ...unseenOf(all).map(({ id }) => id)]));
      noteSeen(all);
    }),
  );
  const ids = () => [...new Set(alerts()?.map(({ experimentId }) => experimentId))].sort();
  const names = createLoaded(() => ids().length > 0 && ids(), experimentNames);
  return (
    <>
      <NotificationChoice />
      <Show when={alerts()?.length} fallback={<None isRead={alerts() !== undefined} />}>
        <div class="list-of-alerts" role="region" aria-label="List of alerts" tabindex="0">
          <AlertList
            alerts={alerts() ?? []}
            experiments={names.latest() ?? new Map()}
            unseen={unseen()}
          />
          <Show when={alerts()?.length === MOST}>
            <p class="hint">Older ones are under Alerts of each experiment.</p>
          </Show>
        </div>
      </Show>
    </>
  );
}

function None(props: { isRead: boolean }) {
  return (
    <Show when={props.isRead} fallback={<p class="loading">Loading…</p>}>
      <p class="hint">
        No alerts yet. Under Alerts of an experiment or a run it is said what raises them;{" "}
        <code>runstream.alert(title)</code> raises one from code.
      </p>
    </Show>
  );
}
