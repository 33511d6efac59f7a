// The tags of a run: read, and by those who may write also set, changed and removed.

import { createSignal, createUniqueId, For, Show } from "solid-js";
import { type ApiError, shown } from "../api/client";
import { deleteTag, NOTE_TAG, type Run, setTag } from "../api/runs";
import { createClose } from "../parts/closing";
import { ErrorNote } from "../parts/ErrorNote";
import { attempt, tell } from "../parts/notices";
import { runsWith } from "../runs/conditions";
import { Pairs } from "./Pairs";

// These have places of their own: the name at the head of the page, and the notes.
const ELSEWHERE = new Set([NOTE_TAG, "mlflow.runName"]);
const RESERVED = /^(mlflow|runstream)\./;

export function RunTags(props: { run: Run; fixed: boolean }) {
  // Those that somebody set come before those that tools agree on.
  const keys = () => {
    const all = [...props.run.tags.keys()].filter((key) => key !== NOTE_TAG);
    return [
      ...all.filter((key) => !RESERVED.test(key)),
      ...all.filter((key) => RESERVED.test(key)),
    ];
  };
  const [edited, setEdited] = createSignal<string>();
  const remove = (key: string) =>
    attempt(async () => {
      const id = props.run.id;
      const old = props.run.tags.get(key);
      await deleteTag(id, key);
      tell(`Removed the tag ${key}`, async () => {
        if (old !== undefined) await setTag(id, key, old);
      });
    });
  return (
    <Pairs
      title="Tags"
      names={["Tag", "Value"]}
      keys={keys()}
      cells={(key) => [props.run.tags.get(key) ?? ""]}
      runsOf={(key) =>
        runsWith(props.run.experimentId, `tags.${key}`, props.run.tags.get(key) ?? "")
      }
      edited={(key) =>
        edited() === key && (
          <TagValue
            label={`Value of ${key}`}
            value={props.run.tags.get(key) ?? ""}
            save={(text) => setTag(props.run.id, key, text)}
            close={() => setEdited(undefined)}
          />
        )
      }
      actions={
        props.fixed
          ? undefined
          : (key) => (
              <Show when={!ELSEWHERE.has(key) && edited() !== key}>
                <button
                  type="button"
                  class="quiet"
                  aria-label={`Edit tag ${key}`}
                  onClick={() => setEdited(key)}
                >
                  Edit
                </button>
                <button
                  type="button"
                  class="quiet"
                  aria-label={`Remove tag ${key}`}
                  onClick={() => remove(key)}
                >
                  Remove
                </button>
              </Show>
            )
      }
    >
      <Show when={!props.fixed}>
        <NewTag run={props.run} />
      </Show>
    </Pairs>
  );
}

/** The field in which the value of a tag is changed. */
function TagValue(props: {
  label: string;
  value: string;
  save: (text: string) => Promise<void>;
  close: () => void;
}) {
  const [error, setError] = createSignal<ApiError>();
  const close = createClose(() => props.close());
  let field!: HTMLTextAreaElement;
  const save = async () => {
    try {
      await props.save(field.value);
      close();
    } catch (failure) {
      setError(shown(failure));
    }
  };
  const before = props.value; // what comes meanwhile is not put under what is typed
  return (
    <div class="tag-value">
      <textarea
        ref={(area) => {
          field = area;
          setTimeout(() => area.focus());
        }}
        aria-label={props.label}
        rows={Math.min(12, before.split("\n").length)}
        value={before}
        onKeyDown={(event) => {
          if (event.key === "Escape") props.close();
          if (event.key !== "Enter" || event.shiftKey) return;
          event.preventDefault();
          save();
        }}
      />
      <Show when={error()}>{(now) => <ErrorNote error={now()} />}</Show>
      <div class="bar">
        <button type="button" class="primary" onClick={save}>
          Save
        </button>
        <button type="button" onClick={() => props.close()}>
          Cancel
        </button>
      </div>
    </div>
  );
}

function NewTag(props: { run: Run }) {
  const list = createUniqueId();
  const [error, setError] = createSignal<ApiError>();
  let key!: HTMLInputElement;
  let value!: HTMLInputElement;
  const add = async (event: SubmitEvent) => {
    event.preventDefault();
    try {
      await setTag(props.run.id, key.value, value.value);
      setError(undefined);
      key.value = "";
      value.value = "";
      key.focus();
    } catch (failure) {
      setError(shown(failure));
    }
  };
  return (
    <form class="bar new-tag" onSubmit={add}>
      <input ref={key} aria-label="Key of a new tag" placeholder="key" list={list} required />
      <datalist id={list}>
        <For each={[...props.run.tags.keys()]}>{(text) => <option value={text} />}</For>
      </datalist>
      <input ref={value} aria-label="Value of a new tag" placeholder="value" />
      <button type="submit">Set tag</button>
      <Show when={error()}>{(now) => <ErrorNote error={now()} />}</Show>
    </form>
  );
}
