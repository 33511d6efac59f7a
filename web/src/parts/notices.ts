// What happened, told at the edge of the page, maybe with a way back.

import { createSignal } from "solid-js";
import { shown } from "../api/client";

interface Notice {
  id: number;
  text: string;
  isError: boolean;
  undo?: (() => Promise<void>) | undefined;
  /** Stops what is under way, if that can be. */
  stop?: () => void;
  /** How far it is. */
  progress?: () => string;
}

const SHOWN_MS = 8_000;
let last = 0;

const [notices, setNotices] = createSignal<Notice[]>([]);

export { notices };

/** Tells what was done; `undo`, if given, takes it back. */
export function tell(text: string, undo?: () => Promise<void>): void {
  show({ text, undo, isError: false });
}

export function dismiss(id: number): void {
  setNotices((all) => all.filter((notice) => notice.id !== id));
}

/** Does something, and tells of its error if it fails; returns whether it was done. */
export async function attempt(action: () => Promise<void>): Promise<boolean> {
  try {
    await action();
    return true;
  } catch (error) {
    show({ text: shown(error).message, isError: true });
    return false;
  }
}

function show(notice: Omit<Notice, "id">): void {
  const id = add(notice);
  setTimeout(() => dismiss(id), SHOWN_MS);
}

/** Shows a notice until it is dismissed; returns its id. */
export function add(notice: Omit<Notice, "id">): number {
  last += 1;
  const id = last;
  setNotices((all) => [...all, { ...notice, id }]);
  return id;
}
