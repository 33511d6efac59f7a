// What of a page's state lives in its address, so that a link shows a colleague the same.

import { useSearchParams } from "@solidjs/router";
import { createEffect, createMemo, createSignal } from "solid-js";

/** A text of the address, empty if it is not there, and how to change it. */
export function useText(name: string): [() => string, (value: string) => void] {
  const [query, setQuery] = useSearchParams();
  const get = () => {
    const value = query[name];
    return (Array.isArray(value) ? value[0] : value) ?? "";
  };
  return [get, (value) => setQuery({ [name]: value || undefined }, { replace: true })];
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

/** A list of the address, with commas between its items. */
export function useList(name: string): [() => string[], (value: string[]) => void] {
  const [text, setText] = useText(name);
  return [() => listOf(text()), (value) => setText(textOf(value))];
}

/** Ids of the address, and how to change them. */
export function useIds(name: string): [() => string[], (ids: string[]) => void] {
  const [text, setText] = useText(name);
  const ids = createMemo(() => idsOf(text()));
  return [ids, (value) => setText(textOfIds(value))];
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
