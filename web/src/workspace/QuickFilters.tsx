// Filters that are a click away: those that everybody needs, and those that somebody saved.

import { createMemo, createSignal, For, onCleanup, Show } from "solid-js";
import { labelOf, partsOf, withCondition } from "./filterText";
import { isMine, ownRuns } from "./ownRuns";

const QUICK = ["status = 'RUNNING'", "start_time > now - 7d"];
const MOST = 50;

interface SavedFilter {
  name: string;
  filter: string;
}

export function QuickFilters(props: {
  experimentId: string;
  filter: string;
  hasUserTag: boolean;
  apply: (filter: string) => void;
  /** Lets somebody choose who they are, in the field of the filter. */
  chooseMe: (text: string) => void;
}) {
  const parts = createMemo(() => partsOf(props.filter));
  const add = (condition: string) => props.apply(withCondition(props.filter, condition));
  const mine = () => {
    const own = ownRuns();
    if (own) add(own);
    else props.chooseMe(props.hasUserTag ? "tags.mlflow.user = " : "user_id = ");
  };
  return (
    <div class="quick">
      <Show when={!parts().some(isMine)}>
        <button type="button" onClick={mine}>
          My runs
        </button>
      </Show>
      <For each={QUICK.filter((condition) => !parts().includes(condition))}>
        {(condition) => (
          <button type="button" title={condition} onClick={() => add(condition)}>
            {labelOf(condition)}
          </button>
        )}
      </For>
      <SavedFilters experimentId={props.experimentId} filter={props.filter} apply={props.apply} />
    </div>
  );
}

function SavedFilters(props: {
  experimentId: string;
  filter: string;
  apply: (filter: string) => void;
}) {
  let menu!: HTMLDetailsElement;
  let name!: HTMLInputElement;
  const place = () => `runstream.filters.${props.experimentId}`;
  const [changes, setChanges] = createSignal(0);
  const saved = createMemo(() => {
    changes();
    return read(place());
  });
  const store = (filters: SavedFilter[]) => {
    localStorage.setItem(place(), JSON.stringify(filters.slice(-MOST)));
    setChanges((count) => count + 1);
  };
  const save = (event: SubmitEvent) => {
    event.preventDefault();
    const called = name.value.trim();
    const others = saved().filter((one) => one.name !== called);
    store([...others, { name: called, filter: props.filter }]);
    name.value = "";
  };
  const close = () => {
    menu.open = false;
  };
  const focus = () => menu.querySelector("summary")?.focus();
  const closeFromOutside = (event: PointerEvent) => {
    if (!menu.contains(event.target as Node)) close();
  };
  document.addEventListener("pointerdown", closeFromOutside);
  onCleanup(() => document.removeEventListener("pointerdown", closeFromOutside));
  return (
    <details
      ref={menu}
      class="saved"
      onKeyDown={(event) => {
        if (event.key !== "Escape" || !menu.open) return;
        close();
        focus();
      }}
      onFocusOut={(event) => {
        const next = event.relatedTarget as Node | null;
        if (next && !menu.contains(next)) close();
      }}
    >
      <summary>Saved filters</summary>
      <div class="menu">
        <For each={saved()} fallback={<p>None in this browser yet.</p>}>
          {(one) => (
            <div class="one">
              <button
                type="button"
                class="quiet"
                title={one.filter}
                onClick={() => {
                  close();
                  props.apply(one.filter);
                }}
              >
                {one.name}
              </button>
              <button
                type="button"
                class="quiet"
                aria-label={`Forget ${one.name}`}
                onClick={() => {
                  store(saved().filter((other) => other !== one));
                  focus();
                }}
              >
                ×
              </button>
            </div>
          )}
        </For>
        <form onSubmit={save}>
          <input
            ref={name}
            aria-label="Name of the filter"
            placeholder="Name"
            required
            maxLength={100}
            pattern=".*\S.*"
            disabled={!props.filter}
          />
          <button type="submit" disabled={!props.filter}>
            Save filter
          </button>
        </form>
      </div>
    </details>
  );
}

function read(place: string): SavedFilter[] {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(place) ?? "[]");
    if (!Array.isArray(found)) return [];
    return found.filter(
      (one): one is SavedFilter => typeof one?.name === "string" && typeof one.filter === "string",
    );
  } catch {
    return []; // another program wrote it
  }
}
