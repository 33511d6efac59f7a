// Sets or removes a tag of selected runs; says first how many of them have it.

import { createMemo, createSignal, createUniqueId, For, Show } from "solid-js";
import { type ApiError, shown } from "../api/client";
import { type Run, readRuns, tagRuns } from "../api/runs";
import { createClose } from "../parts/closing";
import { Dialog } from "../parts/Dialog";
import { ErrorNote } from "../parts/ErrorNote";
import { count, counted, short } from "../parts/format";
import { createLoaded } from "../parts/loaded";
import { tell } from "../parts/notices";

const NAME_TAG = "mlflow.runName";
const VALUES_TOLD = 3;

export function TagRuns(props: {
  ids: string[];
  /** Keys of tags that runs of the experiment have. */
  tagKeys: string[];
  changed: () => void;
  close: () => void;
}) {
  const close = createClose(() => props.close());
  const list = createUniqueId();
  const [key, setKey] = createSignal("");
  const [value, setValue] = createSignal("");
  const [error, setError] = createSignal<ApiError>();
  const [busy, setBusy] = createSignal(false);
  const runs = createLoaded(
    () => props.ids,
    (ids) => readRuns(ids, { metrics: [], params: [], extremes: false }),
  );
  const keys = createMemo(() => {
    const found = new Set(props.tagKeys);
    for (const run of runs.value() ?? []) for (const each of run.tags.keys()) found.add(each);
    return [...found].sort();
  });
  const having = () => (runs.value() ?? []).filter((run) => run.tags.has(key()));
  const told = () => {
    if (!runs.value()) return runs.loading() ? "Reading the tags of these runs…" : "";
    if (!key()) return "";
    if (!having().length) return "None of them has this tag.";
    const counts = new Map<string, number>();
    for (const run of having()) {
      const text = run.tags.get(key()) ?? "";
      counts.set(text, (counts.get(text) ?? 0) + 1);
    }
    const most = [...counts].sort((a, b) => b[1] - a[1]);
    const values = most
      .slice(0, VALUES_TOLD)
      .map(([text, runs]) => `“${short(text)}” (${count(runs)})`);
    const more = most.length > VALUES_TOLD ? [`${count(most.length - VALUES_TOLD)} more`] : [];
    const all = `${count(having().length)} of ${counted(props.ids.length, "run")}`;
    return `${all} ${having().length === 1 ? "has" : "have"} it: ${[...values, ...more].join(", ")}`;
  };

  const apply = async (removes: boolean) => {
    setBusy(true);
    setError(undefined);
    const name = key();
    try {
      // What was there is read now: somebody may have changed it since the dialog was opened.
      const found = await readRuns(props.ids, { metrics: [], params: [], tags: [name] });
      const before = removes ? found.filter((run) => run.tags.has(name)) : found;
      const ids = before.map((run) => run.id);
      if (removes) await tagRuns(ids, {}, [name]);
      else await tagRuns(ids, { [name]: value() });
      props.changed();
      const runs = counted(ids.length, "run");
      tell(removes ? `Removed ${name} from ${runs}` : `Tagged ${runs} with ${name}`, async () => {
        await takeBack(before, name);
        props.changed();
      });
      close();
    } catch (failure) {
      setError(shown(failure));
    }
    setBusy(false);
  };
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    apply(false);
  };

  return (
    <Dialog title={`Tag ${counted(props.ids.length, "run")}`} close={props.close}>
      <form class="ask" onSubmit={submit}>
        <label>
          Key
          <input
            value={key()}
            list={list}
            autocomplete="off"
            spellcheck={false}
            onInput={(event) => setKey(event.currentTarget.value)}
          />
          <datalist id={list}>
            <For each={keys()}>{(text) => <option value={text} />}</For>
          </datalist>
        </label>
        <p class="hint" role="status">
          {told()}
        </p>
        <label>
          Value
          <input
            value={value()}
            autocomplete="off"
            spellcheck={false}
            onInput={(event) => setValue(event.currentTarget.value)}
          />
        </label>
        <Show when={runs.error()}>
          {(failure) => <ErrorNote error={failure()} again={runs.again} />}
        </Show>
        <Show when={error()}>{(failure) => <ErrorNote error={failure()} />}</Show>
        <footer>
          <button type="button" onClick={() => props.close()}>
            Cancel
          </button>
          <button
            type="button"
            disabled={busy() || !having().length || key() === NAME_TAG}
            onClick={() => apply(true)}
          >
            Remove tag
          </button>
          <button type="submit" class="primary" disabled={busy()}>
            Set tag
          </button>
        </footer>
      </form>
    </Dialog>
  );
}

/** Gives runs the values of a tag back that they had. */
async function takeBack(before: Run[], key: string): Promise<void> {
  const byValue = new Map<string | undefined, string[]>();
  for (const run of before) {
    const old = run.tags.get(key);
    byValue.set(old, [...(byValue.get(old) ?? []), run.id]);
  }
  for (const [old, ids] of byValue)
    await (old === undefined ? tagRuns(ids, {}, [key]) : tagRuns(ids, { [key]: old }));
}
