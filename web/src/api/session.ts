// Who is signed in. A server that wants to know who calls answers nobody else.

import { createSignal } from "solid-js";
import { accepted, shown } from "./apiError";
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

// Where to go on after the issuer has sent the browser back, which is another page to it.
const RETURN = "runstream.return";

/** Notes that the server does not know who calls, or not any more. */
export function noteSignedOut(): void {
  setSignedOut(true);
  setCaller(undefined);
}

/** Reads who is signed in. */
export async function readCaller(): Promise<void> {
  const answer = await fetchInTime("api/1.0/runstream/access/caller").catch(() => undefined);
  if (answer?.status === 401) noteSignedOut();
  if (!answer) return;
  const found = await jsonOf<Schemas["GetCallerResponse"]>(answer).catch(() => undefined);
  if (!found) return; // what the page reads says what is wrong
  const { user_name: name = "", role = "", groups = [] } = found;
  setCaller({ name, role: role.replace("SERVER_ROLE_", "").toLowerCase(), groups });
  setSignedOut(false);
}

/** Returns the name of the issuer by which people sign in; empty, if there is none. */
export async function readIssuer(): Promise<string> {
  const found = await fetchInTime("sign-in")
    .then(jsonOf<{ issuer: string }>)
    .catch(() => undefined);
  return found?.issuer ? new URL(found.issuer).host : "";
}

async function jsonOf<Found>(answer: Response): Promise<Found> {
  return (await accepted(answer, "json")).json();
}

/** Goes to the issuer, which sends the browser back to where it is now. */
export function signInByIssuer(): void {
  if (!failedSignIn()) sessionStorage.setItem(RETURN, location.hash);
  location.assign("sign-in/start");
}

/** Returns whether the issuer has sent the browser back without having it signed in. */
export function failedSignIn(): boolean {
  return /[?&]sign-in=/.test(location.hash);
}

/** Goes where the page was before the issuer, if this is the first page after it. */
export function returnAfterSignIn(): void {
  const before = sessionStorage.getItem(RETURN);
  if (before === null || location.hash) return;
  sessionStorage.removeItem(RETURN);
  history.replaceState(null, "", before || "#/");
}

/** Signs in by a token; returns why that is refused, or nothing. */
export async function signInByToken(token: string): Promise<string> {
  const body = JSON.stringify({ token });
  try {
    await accepted(await fetchInTime("sign-in/token", { method: "POST", body }));
  } catch (failure) {
    return failure instanceof TypeError ? "The server cannot be reached." : shown(failure).message;
  }
  if (failedSignIn()) location.hash = "#/";
  await readCaller();
  return "";
}

/** Signs out. The page is loaded anew, so that nothing that was read stays in it. */
export async function signOut(): Promise<void> {
  await fetchInTime("sign-out", { method: "POST" }).catch(() => undefined);
  history.replaceState(null, "", "#/");
  location.reload();
}
