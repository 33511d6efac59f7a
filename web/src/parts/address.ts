// What of a page's state lives in its address, so that a link shows a colleague the same.

import { useSearchParams } from "@solidjs/router";
import { createEffect, createSignal } from "solid-js";

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

/** Returns a list as one text: a comma inside an item is `%2C`, a percent sign `%25`. */
export function textOf(list: string[]): string {
  return list.map((item) => item.replaceAll("%", "%25").replaceAll(",", "%2C")).join(",");
}

function listOf(text: string): string[] {
  if (!text) return [];
  return text.split(",").map((item) => item.replaceAll("%2C", ",").replaceAll("%25", "%"));
}
