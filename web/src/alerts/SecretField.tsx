// The secret by which webhooks are signed: made here or typed, and never shown again.

import { createSignal, Show } from "solid-js";
import { CopyButton } from "../parts/CopyButton";
import { Labelled } from "./Labelled";
import { createSecret } from "./webhookSecret";

export function SecretField(props: {
  value: string;
  set: (value: string) => void;
  /** Whether the rule has one. */
  isSet: boolean;
  error: string | undefined;
}) {
  const [made, setMade] = createSignal("");
  let field!: HTMLInputElement;
  const make = () => {
    setMade(createSecret());
    props.set(made());
  };
  const hint = () => {
    if (props.value && props.value === made())
      return "Copy it to what receives the webhooks: it is not shown again.";
    if (props.isSet) return "The rule has one, which stays if you leave this empty.";
    return "whsec_ and the base64 of 24 to 64 bytes, as what receives the webhooks has it.";
  };
  return (
    <div class="secret">
      <Labelled label="Secret" hint={hint()} error={props.error}>
        {(id, about) => (
          <input
            id={id}
            ref={field}
            value={props.value}
            aria-invalid={!!props.error}
            aria-describedby={about}
            onInput={(event) => props.set(event.currentTarget.value)}
            autocomplete="off"
            spellcheck={false}
          />
        )}
      </Labelled>
      <div class="bar">
        <button type="button" onClick={make}>
          Make one
        </button>
        <Show when={props.value && props.value === made()}>
          <CopyButton text={made()} label="Secret" refused={() => field.select()} />
        </Show>
      </div>
    </div>
  );
}
