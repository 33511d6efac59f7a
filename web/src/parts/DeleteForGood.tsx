// Says what a purge removes, asks for a word to be typed, and shows how far it has come.

import { createSignal, onCleanup, Show } from "solid-js";
import { type ApiError, shown } from "../api/client";
import { countDeleted, purge, type Removed } from "../api/purge";
import { createClose } from "./closing";
import { Dialog } from "./Dialog";
import { ErrorNote } from "./ErrorNote";
import { bytes, count, counted } from "./format";
import { createLoaded } from "./loaded";
import { tell } from "./notices";

const WORD = "delete";

export default function DeleteForGood(props: {
  title: string;
  experimentId: string;
  /** The name of the experiment, if it goes itself. */
  experiment?: string | undefined;
  /** Only these runs; all that is deleted of the experiment, if it is left out. */
  runIds?: string[];
  /** Called when something is gone. */
  changed: () => void;
  close: () => void;
}) {
  const [typed, setTyped] = createSignal("");
  const [gone, setGone] = createSignal<Removed>();
  const [error, setError] = createSignal<ApiError>();
  // Those of the beginning: what was said and confirmed is not about others.
  const runIds = props.runIds && [...props.runIds];
  const close = createClose(() => props.close());
  let isStopped = false;
  onCleanup(() => {
    isStopped = true;
  });
  const found = createLoaded(
    () => props.experimentId,
    (experiment) => countDeleted(experiment, runIds),
  );
  const isReady = () => found.value() && typed().trim().toLowerCase() === WORD;
  const remove = async (event: SubmitEvent) => {
    event.preventDefault();
    if (!isReady() || gone()) return;
    setError(undefined);
    setGone({ runs: 0, points: 0, models: 0, files: 0, bytes: 0 });
    try {
      await purge(props.experimentId, runIds, setGone, () => isStopped);
      if (!isStopped) tell(`Removed for good: ${listed(gone() as Removed)}`);
      props.changed();
      close();
    } catch (failure) {
      setError(shown(failure));
      setGone(undefined);
      found.again();
    }
  };
  return (
    <Dialog title={props.title} close={props.close}>
      <form class="ask" onSubmit={remove}>
        <Show when={found.error()}>
          {(failure) => <ErrorNote error={failure()} again={found.again} />}
        </Show>
        <Show
          when={found.value()}
          fallback={<p class="loading">{found.error() ? "" : "Counting…"}</p>}
        >
          {(removed) => (
            <>
              <Show when={props.experiment}>
                <p>
                  The experiment <strong>{props.experiment}</strong> goes with all that is in it;
                  another one can have its name then.
                </p>
              </Show>
              <dl class="keys">
                <dt>Runs</dt>
                <dd>
                  {count(removed().runs)}
                  <Show when={runIds && removed().runs > runIds.length}>
                    {`, ${counted(removed().runs - (runIds?.length ?? 0), "child run")} among them`}
                  </Show>
                </dd>
                <dt>Points</dt>
                <dd>{count(removed().points)}</dd>
                <dt>Files that nothing else has</dt>
                <dd>
                  {count(removed().files)}, {bytes(removed().bytes)}
                </dd>
                <Show when={removed().models}>
                  <dt>Logged models</dt>
                  <dd>{count(removed().models)}</dd>
                </Show>
              </dl>
              <p>
                <strong>Nobody can restore it.</strong> All of it is hidden at once, and then
                removed step by step while others log.
              </p>
            </>
          )}
        </Show>
        {/* Counted again after a failure, it may say the same. */}
        <Show when={!found.error() && error()}>{(failure) => <ErrorNote error={failure()} />}</Show>
        <Show
          when={gone()}
          fallback={
            <>
              <label>
                Type “{WORD}” to remove it
                <input
                  value={typed()}
                  autocomplete="off"
                  spellcheck={false}
                  onInput={(event) => setTyped(event.currentTarget.value)}
                />
              </label>
              <footer>
                <button type="button" onClick={() => props.close()}>
                  Cancel
                </button>
                <button type="submit" class="primary" disabled={!isReady()}>
                  Delete for good
                </button>
              </footer>
            </>
          }
        >
          {(removed) => (
            <>
              <p role="status">Removed so far: {listed(removed())}</p>
              <progress
                aria-label="Removed points"
                max={Math.max(1, found.latest()?.points ?? 1)}
                value={removed().points}
              />
              <footer>
                <button
                  type="button"
                  title="What is hidden stays so; the next purge removes the rest of it"
                  onClick={() => props.close()}
                >
                  Stop
                </button>
              </footer>
            </>
          )}
        </Show>
      </form>
    </Dialog>
  );
}

function listed(removed: Removed): string {
  const files = removed.files
    ? [`${counted(removed.files, "file")} of ${bytes(removed.bytes)}`]
    : [];
  return [counted(removed.runs, "run"), counted(removed.points, "point"), ...files].join(", ");
}
