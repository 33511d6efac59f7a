// A dialog that asks for some texts, and stays with the error if what is done with them fails.

import { createSignal, createUniqueId, For, Show } from "solid-js";
import { type ApiError, shown } from "../api/client";
import { createClose } from "./closing";
import { Dialog } from "./Dialog";
import { ErrorNote } from "./ErrorNote";

interface Field {
  label: string;
  value?: string;
  suggestions?: string[];
}

export function FormDialog(props: {
  title: string;
  fields: Field[];
  action: string;
  done: (values: string[]) => Promise<void>;
  close: () => void;
}) {
  const [error, setError] = createSignal<ApiError>();
  const [busy, setBusy] = createSignal(false);
  const close = createClose(() => props.close());
  let form!: HTMLFormElement;
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    setBusy(true);
    try {
      await props.done(new FormData(form).getAll("value").map(String));
      close();
    } catch (failure) {
      setError(shown(failure));
    }
    setBusy(false);
  };
  return (
    <Dialog title={props.title} close={props.close}>
      <form ref={form} class="ask" onSubmit={submit}>
        <For each={props.fields}>{(field) => <Text {...field} />}</For>
        <Show when={error()}>{(found) => <ErrorNote error={found()} />}</Show>
        <footer>
          <button type="button" onClick={() => props.close()}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={busy()}>
            {props.action}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}

function Text(props: Field) {
  const list = createUniqueId();
  return (
    <label>
      {props.label}
      <input
        name="value"
        value={props.value ?? ""}
        list={list}
        autocomplete="off"
        spellcheck={false}
      />
      <datalist id={list}>
        <For each={props.suggestions ?? []}>{(text) => <option value={text} />}</For>
      </datalist>
    </label>
  );
}
