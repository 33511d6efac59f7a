// The alerts of an experiment or of a run, and the rules that raise them.

import { createEffect, createMemo, on, Show } from "solid-js";
import { type Alert, type AlertPage, listAlerts } from "../api/alerts";
import { ErrorNote } from "../parts/ErrorNote";
import { createLoaded } from "../parts/loaded";
import { createMorePages } from "../parts/morePages";
import { poll } from "../parts/poll";
import { AlertList } from "./AlertList";
import { newestOf } from "./feed";
import { RuleList } from "./RuleList";

const PAGE = 50;
// Deliveries go on, and a page in a frame has no bell.
const AGAIN_MS = 15_000;

export interface Subject {
  experimentId: string;
  /** Empty for all runs of the experiment. */
  runId: string;
}

export function AlertsOf(props: Subject & { mayWrite: boolean }) {
  return (
    <div class="alerts-of">
      <RuleList {...props} />
      <section>
        <h2>Raised</h2>
        <Told {...props} />
      </section>
    </div>
  );
}

function Told(props: Subject) {
  // A run is told anew with each of its points, without being another.
  const experimentId = createMemo(() => props.experimentId);
  const runId = createMemo(() => props.runId);
  const query = createMemo(() => (runId() ? { runId: runId() } : { experimentId: experimentId() }));
  const newest = createMemo(() => newestOf({ experimentId: experimentId(), runId: runId() }));
  const first = createLoaded(query, (of) => listAlerts({ ...of, most: PAGE }));
  createEffect(on(newest, first.again, { defer: true }));
  poll(first, AGAIN_MS);
  const older = createMorePages(query, async (of, token): Promise<AlertPage> => {
    const page = await listAlerts({ ...of, most: PAGE, token });
    const known = new Set(all().map(({ id }) => id));
    // What was on the first page stays, when others come there.
    return { ...page, alerts: [...all(), ...page.alerts.filter(({ id }) => !known.has(id))] };
  });
  const all = (): Alert[] => {
    const newest = first.value()?.alerts ?? [];
    const ids = new Set(newest.map(({ id }) => id));
    const before = older.pages().at(-1)?.alerts ?? [];
    return [...newest, ...before.filter(({ id }) => !ids.has(id))];
  };
  const token = () => (older.pages().at(-1) ?? first.value())?.next;
  return (
    <>
      <Show when={first.error()}>
        {(error) => <ErrorNote error={error()} again={first.again} />}
      </Show>
      <Show when={first.value()} fallback={<Show when={!first.error()}>Loading…</Show>}>
        <Show when={all().length} fallback={<p class="hint">No alerts yet.</p>}>
          <AlertList alerts={all()} ofRun={!!props.runId} />
        </Show>
        <Show when={token()}>
          {(next) => (
            <button type="button" onClick={() => older.readNext(next())}>
              Show older
            </button>
          )}
        </Show>
      </Show>
    </>
  );
}
