// What of a page's state lives in its address, so that a link shows a colleague the same.

import { useSearchParams } from "@solidjs/router";

/** A text of the address, empty if it is not there, and how to change it. */
export function useText(name: string): [() => string, (value: string) => void] {
  const [query, setQuery] = useSearchParams();
  const get = () => {
    const value = query[name];
    return (Array.isArray(value) ? value[0] : value) ?? "";
  };
  return [get, (value) => setQuery({ [name]: value || undefined }, { replace: true })];
}

/** A list of the address: its items have no comma, as neither keys nor ids have. */
export function useList(name: string): [() => string[], (value: string[]) => void] {
  const [text, setText] = useText(name);
  return [() => (text() ? text().split(",") : []), (value) => setText(value.join(","))];
}
