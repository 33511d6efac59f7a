// What happened, told at the edge of the page, maybe with a way back.

import { createSignal } from "solid-js";
import { shown } from "../api/client";

export interface Notice {
  id: number;
  text: string;
  isError: boolean;
  undo?: (() => Promise<void>) | undefined;
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
  last += 1;
  const id = last;
  setNotices((all) => [...all, { ...notice, id }]);
  setTimeout(() => dismiss(id), SHOWN_MS);
}
