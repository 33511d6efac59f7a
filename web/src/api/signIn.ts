// Signing in: what the page for it does, which is loaded when it is needed.

import { accepted, shown } from "./apiError";
import { fetchInTime } from "./deadline";
import { RETURN, readCaller } from "./session";

/** Returns the name of the issuer by which people sign in; empty, if there is none. */
export async function readIssuer(): Promise<string> {
  try {
    const answer = await accepted(await fetchInTime("sign-in"), "json");
    const { issuer }: { issuer: string } = await answer.json();
    return issuer && new URL(issuer).host;
  } catch {
    return ""; // a token is left
  }
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
