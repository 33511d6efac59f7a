// Which runs are those of whoever looks: those of the caller, or of the user that they chose once.

import { caller } from "../api/session";

const ME = "runstream.me";

/** Returns the condition of the own runs; nothing, if it is not known who looks. */
export function ownRuns(): string | undefined {
  const user = caller()?.name || localStorage.getItem(ME);
  if (!user) return undefined;
  const text = `'${user.replaceAll("'", "''")}'`;
  return `(user_id = ${text} OR tags.mlflow.user = ${text})`;
}

/** Returns whether a condition is that of the own runs, in parentheses or alone. */
export function isMine(part: string): boolean {
  const own = ownRuns();
  return !!own && (part === own || `(${part})` === own);
}

/** Takes a filter that was chosen for the own runs; returns the condition of these. */
export function rememberMe(filter: string): string | undefined {
  const user = /^(?:user_id|tags\.mlflow\.user) = '((?:[^']|'')+)'$/.exec(filter.trim())?.[1];
  if (!user) return undefined;
  localStorage.setItem(ME, user.replaceAll("''", "'"));
  return ownRuns();
}
