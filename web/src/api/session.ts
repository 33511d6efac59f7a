// Who is signed in. A server that wants to know who calls answers nobody else.

import { createSignal } from "solid-js";
import { fetchInTime } from "./deadline";
import type { components } from "./schema";

type Schemas = components["schemas"];

/** Somebody who calls; without a name, if the server asks nobody who they are. */
interface Caller {
  name: string;
  role: string;
  groups: string[];
}

const [caller, setCaller] = createSignal<Caller>();
const [signedOut, setSignedOut] = createSignal(false);

export { caller, signedOut };

/** Where it is kept where to go on after the issuer has sent the browser back, to another page. */
export const RETURN = "runstream.return";

// Tabs share who is signed in: in the others, what was read is loaded anew for somebody else.
// Another path of the host may be another server.
const NAME = `runstream.caller${location.pathname}`;
addEventListener("storage", ({ key, newValue }) => {
  const isHere = caller() || signedOut();
  if (key === NAME && isHere && newValue !== caller()?.name) location.reload();
});

/** Notes that the server does not know who calls, or not any more. */
export function noteSignedOut(): void {
  setSignedOut(true);
  setCaller(undefined);
}

/** Reads who is signed in. */
export async function readCaller(): Promise<void> {
  const answer = await fetchInTime("api/1.0/runstream/access/caller").catch(() => undefined);
  if (answer?.status === 401) noteSignedOut();
  if (!answer?.ok) return;
  // What is no JSON is the page of a proxy: what else is read says so.
  const found: Schemas["GetCallerResponse"] | undefined = await answer
    .json()
    .catch(() => undefined);
  if (!found) return;
  const { user_name: name = "", role = "", groups = [] } = found;
  localStorage.setItem(NAME, name);
  setCaller({ name, role: role.replace("SERVER_ROLE_", "").toLowerCase(), groups });
  setSignedOut(false);
}

/** Goes where the page was before the issuer, if this is the first page after it. */
export function returnAfterSignIn(): void {
  const before = sessionStorage.getItem(RETURN);
  if (before === null || location.hash) return;
  sessionStorage.removeItem(RETURN);
  history.replaceState(null, "", before || "#/");
}

/** Signs out. The page is loaded anew, so that nothing that was read stays in it. */
export async function signOut(): Promise<void> {
  await fetchInTime("sign-out", { method: "POST" }).catch(() => undefined);
  history.replaceState(null, "", "#/");
  location.reload();
}
