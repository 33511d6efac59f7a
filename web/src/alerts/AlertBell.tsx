// The bell at the head of the pages: how many alerts are new, and a list of the newest.

import { Show, Suspense } from "solid-js";
import { lazyPart } from "../parts/lazyPart";
import { createPopover } from "../parts/popover";
import { alerts, followAlerts, MOST } from "./feed";
import { notify } from "./notifications";
import { unseenOf } from "./seen";
import "../style/alerts.css";

const NewestAlerts = lazyPart(() => import("./NewestAlerts"));

export default function AlertBell() {
  const { id, open, toggle, root, button } = createPopover();
  const readNow = followAlerts(open, notify);
  const unseen = () => unseenOf(alerts() ?? []).length;
  const number = () => (unseen() < MOST ? String(unseen()) : `${MOST}+`);
  return (
    <div class="bell" {...root}>
      <button
        {...button}
        class="quiet"
        aria-label={unseen() ? `Alerts, ${number()} new` : "Alerts"}
        title="Alerts"
        aria-expanded={open()}
        onClick={() => {
          toggle();
          if (open()) readNow();
        }}
      >
        <svg viewBox="0 0 16 16" aria-hidden="true">
          <path d="M8 1.5a4.5 4.5 0 0 0-4.5 4.5v3L2 11.5v1h12v-1L12.5 9V6A4.5 4.5 0 0 0 8 1.5zM6.3 13.5a1.7 1.7 0 0 0 3.4 0z" />
        </svg>
        <Show when={unseen()}>
          <span class="number" aria-hidden="true">
            {number()}
          </span>
        </Show>
      </button>
      <div id={id} class="newest" role="group" aria-label="Newest alerts" hidden={!open()}>
        <Show when={open()}>
          <Suspense fallback={<p class="loading">Loading…</p>}>
            <NewestAlerts />
          </Suspense>
        </Show>
      </div>
    </div>
  );
}
