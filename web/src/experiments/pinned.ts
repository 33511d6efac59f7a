// The experiments that somebody pinned in this browser, by their ids.

import { createSignal } from "solid-js";

const PLACE = "runstream.pinned";
const MOST = 100;

const [pinned, setPinned] = createSignal(read());

export { pinned };

export function togglePinned(id: string): void {
  const others = pinned().filter((other) => other !== id);
  setPinned(others.length < pinned().length ? others : [...others, id].slice(-MOST));
  localStorage.setItem(PLACE, JSON.stringify(pinned()));
}

function read(): string[] {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(PLACE) ?? "[]");
    return Array.isArray(found) ? found.filter((id) => /^\d{1,18}$/.test(id)) : [];
  } catch {
    return []; // another program wrote it
  }
}
