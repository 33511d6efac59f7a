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

/** What a work that takes its time is given: to tell how far it is, and to know that it is stopped. */
export interface UnderWay {
  progress: (text: string) => void;
  signal: AbortSignal;
}

const SHOWN_MS = 8_000;
// What is done sooner is not told of.
const LONG_MS = 500;
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

/** Does what may take its time, as `attempt` does, and tells of it until it is done or stopped. */
export async function attemptLong(
  text: string,
  action: (underWay: UnderWay) => Promise<void>,
): Promise<void> {
  const own = new AbortController();
  const [progress, setProgress] = createSignal("");
  let id = 0;
  const timer = setTimeout(() => {
    id = add({ text, isError: false, stop: () => own.abort(), progress });
  }, LONG_MS);
  await attempt(() =>
    action({ signal: own.signal, progress: setProgress }).catch((failure) => {
      if (!own.signal.aborted) throw failure;
    }),
  );
  clearTimeout(timer);
  dismiss(id);
}

function show(notice: Omit<Notice, "id">): void {
  const id = add(notice);
  setTimeout(() => dismiss(id), SHOWN_MS);
}

function add(notice: Omit<Notice, "id">): number {
  last += 1;
  const id = last;
  setNotices((all) => [...all, { ...notice, id }]);
  return id;
}
