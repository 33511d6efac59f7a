// What stands in place of every page until somebody has signed in.

import { createResource, createSignal, Show } from "solid-js";
import { failedSignIn, readIssuer, signInByIssuer, signInByToken } from "../api/signIn";

export default function SignIn() {
  const [issuer] = createResource(readIssuer);
  const [refusal, setRefusal] = createSignal("");
  const [busy, setBusy] = createSignal(false);
  let token!: HTMLInputElement;
  document.title = "Sign in · Runstream";
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    setBusy(true);
    setRefusal(await signInByToken(token.value.trim()));
    setBusy(false);
  };
  return (
    <section class="sign-in">
      <h1>Sign in</h1>
      <Show when={failedSignIn()}>
        <p class="error" role="alert">
          That did not work. Try again; the server's log says what was wrong.
        </p>
      </Show>
      <Show when={issuer.latest}>
        {(name) => (
          <button type="button" class="primary" onClick={signInByIssuer}>
            Sign in by {name()}
          </button>
        )}
      </Show>
      <form class="ask" onSubmit={submit}>
        <label>
          API token
          <input
            ref={token}
            type="password"
            name="token"
            autocomplete="current-password"
            spellcheck={false}
            required
          />
        </label>
        <Show when={refusal()}>
          <p class="error" role="alert">
            {refusal()}
          </p>
        </Show>
        <footer>
          <button type="submit" disabled={busy()}>
            Sign in by token
          </button>
        </footer>
      </form>
      <p class="hint">
        An admin of this server makes tokens: <code>runstream tokens create</code>
      </p>
    </section>
  );
}
