// The alerts of an experiment or of a run, and the rules that raise them.

import { createEffect, createSignal, on, onCleanup, Show } from "solid-js";
import { type Alert, listAlerts } from "../api/alerts";
import { ErrorNote } from "../parts/ErrorNote";
import { createLoaded } from "../parts/loaded";
import { attempt } from "../parts/notices";
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
  const subject = () => ({ experimentId: props.experimentId, runId: props.runId });
  const query = () => (props.runId ? { runId: props.runId } : { experimentId: props.experimentId });
  const first = createLoaded(subject, () => listAlerts({ ...query(), most: PAGE }));
  const [older, setOlder] = createSignal<Alert[]>([]);
  const [next, setNext] = createSignal<string>();
  const forget = () => {
    setOlder([]);
    setNext(undefined);
  };
  createEffect(on(subject, forget, { defer: true }));
  createEffect(on(() => newestOf(subject()), first.again, { defer: true }));
  const timer = setInterval(() => document.hidden || first.loading() || first.again(), AGAIN_MS);
  onCleanup(() => clearInterval(timer));
  const all = () => {
    const newest = first.value()?.alerts ?? [];
    const ids = new Set(newest.map(({ id }) => id));
    return [...newest, ...older().filter(({ id }) => !ids.has(id))];
  };
  const token = () => next() ?? first.value()?.next;
  const readOlder = () =>
    attempt(async () => {
      const page = await listAlerts({ ...query(), most: PAGE, token: token() ?? "" });
      // What was on the first page stays, when others come there.
      setOlder([...all(), ...page.alerts]);
      setNext(page.next);
    });
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
          <button type="button" onClick={readOlder}>
            Show older
          </button>
        </Show>
      </Show>
    </>
  );
}
