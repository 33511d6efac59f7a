// Where somebody was on a page: how far it was scrolled, and what had the focus. Who goes back or
// forward finds it so again, and who goes up by a breadcrumb, too.

import { onCleanup } from "solid-js";

// Of a visit; those that were left longest ago are forgotten.
const MOST = 500;
// How long a page is waited for, and how often it is looked at meanwhile.
const LIMIT_MS = 10_000;
const LOOK_MS = 50;
// So often a page has to be as it was: what comes above moves it once more.
const STABLE_LOOKS = 10;
const INPUTS = ["wheel", "touchstart", "pointerdown", "keydown"] as const;

interface Place {
  top: number;
  left: number;
  /** What finds the element that had the focus. */
  focus?: string | undefined;
  /** What else belongs to it, as it is given. */
  more?: unknown;
}

/** What else is kept of an element: `restore` is called until it returns that it could. */
interface More<State> {
  save: () => State;
  restore: (state: State) => boolean;
}

const places = new Map<string, Place>();
let returning = "";

/** Says that the next page is one that somebody comes back to, and no new visit. */
export function returnTo(path: string): void {
  returning = path;
}

/**
 * Keeps the place of an element for the present entry of the history, until the owner is disposed.
 * What was kept of it before is restored as soon as the page has grown so far, unless somebody does
 * something else meanwhile.
 */
export function keepPlace<State>(element: HTMLElement, name: string, more?: More<State>): void {
  let end = () => {};
  // A router tells of a page before the history has an entry for it.
  const timer = setTimeout(() => {
    end = watch(element, name, more);
  });
  onCleanup(() => {
    clearTimeout(timer);
    end();
  });
}

/** Restores and notes the place of an element; returns what ends that. */
function watch<State>(element: HTMLElement, name: string, more?: More<State>): () => void {
  const path = `${location.hash.split("?")[0]} ${name}`;
  const entry = `${entryKey()} ${name}`;
  const isReturn = returning && path.startsWith(`#${returning} `);
  const kept = places.get(entry) ?? (isReturn ? places.get(path) : undefined);
  const restoring = kept && restore(element, kept, more);
  let now: Place = kept ?? { top: element.scrollTop, left: element.scrollLeft };
  const note = (change: Partial<Place>) => {
    now = { ...now, ...change };
    for (const key of [entry, path]) {
      places.delete(key);
      places.set(key, now);
    }
    for (const key of places.keys()) if (places.size > MOST) places.delete(key);
  };
  const onScroll = () => {
    const isOwn = restoring && !restoring.signal.aborted;
    if (!isOwn) note({ top: element.scrollTop, left: element.scrollLeft });
  };
  const onFocus = (event: Event) => note({ focus: selectorOf(event.target as Element) });
  element.addEventListener("scroll", onScroll, { passive: true });
  element.addEventListener("focusin", onFocus);
  return () => {
    restoring?.abort();
    if (more) note({ more: more.save() });
    if (isReturn) returning = "";
    element.removeEventListener("scroll", onScroll);
    element.removeEventListener("focusin", onFocus);
  };
}

/** Restores a place as soon as that can be done; returns what ends that. */
function restore<State>(
  element: HTMLElement,
  place: Place,
  more: More<State> | undefined,
): AbortController {
  const ended = new AbortController();
  const start = performance.now();
  let stable = 0;
  const look = () => {
    const isWhole = !more || place.more === undefined || more.restore(place.more as State);
    element.scrollTop = place.top;
    element.scrollLeft = place.left;
    const isThere = Math.abs(element.scrollTop - place.top) <= 1;
    const isDone = isThere && isWhole && (!place.focus || focus(element, place.focus));
    stable = isDone ? stable + 1 : 0;
    if (stable >= STABLE_LOOKS) ended.abort();
  };
  const timer = setInterval(() => {
    if (performance.now() - start > LIMIT_MS) ended.abort();
    else look();
  }, LOOK_MS);
  for (const input of INPUTS)
    addEventListener(input, () => ended.abort(), { signal: ended.signal, capture: true });
  ended.signal.addEventListener("abort", () => clearInterval(timer));
  return ended;
}

/** Focuses what is there, unless something else has the focus; returns whether that is done. */
function focus(element: HTMLElement, selector: string): boolean {
  const { activeElement } = document;
  if (activeElement && activeElement !== document.body && activeElement.id !== "main") return true;
  const found = element.matches(selector) ? element : element.querySelector<HTMLElement>(selector);
  found?.focus({ preventScroll: true });
  return !!found;
}

/** Returns what finds an element again when the page is made anew: a link, or a list with keys. */
function selectorOf(element: Element): string | undefined {
  const href = element.closest("a")?.getAttribute("href");
  if (href) return `a[href="${CSS.escape(href)}"]`;
  return element.getAttribute("role") === "treegrid" ? "[role=treegrid]" : undefined;
}

/** Returns what an entry of the history keeps while its address changes, where browsers tell that. */
function entryKey(): string {
  const { navigation } = window as { navigation?: { currentEntry: { key: string } | null } };
  return navigation?.currentEntry?.key ?? location.hash;
}
