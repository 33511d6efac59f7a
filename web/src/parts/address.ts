// What of a page's state lives in its address, so that a link shows a colleague the same.

import { RouterContext, useBeforeLeave, useLocation, useSearchParams } from "@solidjs/router";
import { createEffect, createMemo, createSignal, untrack, useContext } from "solid-js";

// The router reads addresses as paths of some host.
const BASE = "http://page";

/** Parameters of the address by name; those without a text are taken out. */
export type Parameters = Record<string, string | undefined>;

/** What to set, or a function that returns it for what is set. */
export type Change<Value> = Value | ((now: Value) => Value);

/** `replace`: Back does not lead to what was before the change, as the router's option of that name. */
type ChangeQuery = (
  changes: Parameters | ((now: Parameters) => Parameters),
  options?: { replace: boolean },
) => void;

/**
 * Returns how to change parameters of the address of this page, by texts or by a function of what they
 * are. Those that the router has not come to yet, since it waits for a part of the page, are merged
 * and told to the function. While another page is on its way, nothing is changed.
 */
export function useChange(): ChangeQuery {
  const router = useContext(RouterContext);
  const location = useLocation();
  const [, setQuery] = useSearchParams();
  return (changes, { replace } = { replace: true }) =>
    untrack(() => {
      const pending = router?.pendingTarget?.value;
      const now = new URL(pending ?? location.pathname + location.search, BASE);
      if (now.pathname !== location.pathname) return;
      const next =
        typeof changes === "function" ? changes(Object.fromEntries(now.searchParams)) : changes;
      // With no state of its own, a change back to what the router comes from would be lost.
      setQuery(next, { replace, state: pending === undefined ? undefined : {} });
    });
}

/**
 * Keeps a page in the history that is left while a change of its address is on its way: the router puts
 * the next page where the change would have been.
 */
export function keepLeftPage(): void {
  const router = useContext(RouterContext);
  useBeforeLeave(({ to, from }) => {
    const pending = router?.pendingTarget?.value;
    if (pending === undefined || typeof to !== "string" || location.hash === `#${to}`) return;
    const isOfPage = (address: string) => new URL(address, BASE).pathname === from.pathname;
    if (!isOfPage(pending) || isOfPage(to)) return;
    history.replaceState(history.state, "", `#${pending}`);
    history.pushState(null, "", `#${pending}`);
  });
}

/** A text of the address, empty if it is not there, and how to change it. */
export function useText(name: string): [() => string, (change: Change<string>) => void] {
  const [query] = useSearchParams();
  const change = useChange();
  const get = () => {
    const value = query[name];
    return (Array.isArray(value) ? value[0] : value) ?? "";
  };
  return [
    get,
    (next) =>
      change((now) => ({ [name]: typeof next === "function" ? next(now[name] ?? "") : next })),
  ];
}

/**
 * Returns what comes of the address, after the router's transition to it: what Solid makes during a
 * transition does not follow the address any more.
 */
export function settled<Value>(value: () => Value): () => Value {
  const [get, set] = createSignal(value());
  createEffect(() => set(() => value()));
  return get;
}

/** A list of the address, with commas between its items, and how to change it. */
export function useList(name: string): [() => string[], (change: Change<string[]>) => void] {
  const [text, setText] = useText(name);
  return [() => listOf(text()), (next) => setText(changeText(next, listOf, textOf))];
}

/** Ids of the address, and how to change them. */
export function useIds(name: string): [() => string[], (change: Change<string[]>) => void] {
  const [text, setText] = useText(name);
  const ids = createMemo(() => idsOf(text()));
  return [ids, (next) => setText(changeText(next, idsOf, textOfIds))];
}

/** Returns the change of a list as one of its text. */
function changeText(
  next: Change<string[]>,
  read: (text: string) => string[],
  write: (list: string[]) => string,
): Change<string> {
  return typeof next === "function" ? (now) => write(next(read(now))) : write(next);
}

// Ids of 32 hexadecimal digits are packed, 22 characters each; a dot says that they are.
const PACKED = ".";
const DIGITS = 32;
const CHARACTERS = 22;

/** Returns ids of runs as a text of the address, as short as can be. */
export function textOfIds(ids: string[]): string {
  if (!ids.length) return "";
  if (!ids.every((id) => /^[0-9a-f]{32}$/.test(id))) return textOf(ids);
  return PACKED + ids.map((id) => packed(id)).join("");
}

/** Returns the ids of a text of the address; those of older links have commas between them. */
export function idsOf(text: string): string[] {
  const length = text.length - PACKED.length;
  if (!text.startsWith(PACKED) || length % CHARACTERS) return listOf(text);
  const ids: string[] = [];
  for (let i = PACKED.length; i < text.length; i += CHARACTERS) {
    const id = unpacked(text.slice(i, i + CHARACTERS));
    if (id) ids.push(id);
  }
  return ids;
}

function packed(id: string): string {
  const bytes = id.match(/../g)?.map((two) => String.fromCharCode(Number.parseInt(two, 16))) ?? [];
  return btoa(bytes.join("")).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Returns the id that 22 characters stand for; nothing for characters that are none of base64url. */
function unpacked(text: string): string {
  if (!/^[\w-]+$/.test(text)) return "";
  const bytes = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const hex = [...bytes].map((byte) => byte.charCodeAt(0).toString(16).padStart(2, "0"));
  return hex.join("").slice(0, DIGITS);
}

/** Returns a list as one text: a comma inside an item is `%2C`, a percent sign `%25`. */
export function textOf(list: string[]): string {
  return list.map((item) => item.replaceAll("%", "%25").replaceAll(",", "%2C")).join(",");
}

export function listOf(text: string): string[] {
  if (!text) return [];
  return text.split(",").map((item) => item.replaceAll("%2C", ",").replaceAll("%25", "%"));
}
