// Notifications of the browser for alerts that come while a page is open.

import { createSignal } from "solid-js";
import { type Alert, LEVELS, type Level } from "../api/alerts";
import { shownName } from "../parts/format";

const PLACE = "runstream.alerts.notify";
const SHOWN = "runstream.alerts.notified";
// Ids of alerts of which some page has told; each hears of far fewer at once.
const MOST_IDS = 200;
// More at once are told as one.
const MOST_AT_ONCE = 3;
const TEXT = 200;

const [leastLevel, setLeastLevel] = createSignal<Level | undefined>(stored());

// Whether the browser was asked to show one and would not; nothing until it was.
const [isRefused, setRefused] = createSignal<boolean>();
const [permission, setPermission] = createSignal<NotificationPermission>();

addEventListener("storage", ({ key }) => {
  if (key === PLACE) setLeastLevel(stored());
});

/** The least level of which the browser tells; nothing while it does not. */
export { leastLevel };

/** Why the browser cannot tell; empty if it can, or may be asked. */
export function obstacle(): string {
  if (!window.isSecureContext)
    return "Browsers show notifications only of pages that come over HTTPS or from this machine.";
  if (!("Notification" in window)) return "This browser shows no notifications of pages.";
  if (permission() === "denied")
    return "This browser was told not to show notifications of this page. Allow them in its settings of the site, at the left of the address, and load the page again.";
  if (isRefused())
    return "This browser shows no notifications of pages, as those of phones do not. The bell tells of alerts while a page is open, and rules can send e-mail.";
  return "";
}

/** Finds out what the browser allows, before it is offered. */
export function lookForObstacles(): void {
  if (!("Notification" in window)) return;
  setPermission(Notification.permission);
  // Without permission nothing is shown, and it fails where it would with it.
  if (permission() === "default" && isRefused() === undefined) create("", {}, "");
}

/**
 * Chooses from which level on the browser tells, or that it does not. It may ask for permission, and
 * shows a first notification; where it cannot, nothing is chosen.
 */
export async function chooseLevel(level: Level | undefined): Promise<void> {
  if (level && !leastLevel()) {
    if (obstacle()) return;
    setPermission(await Notification.requestPermission());
    if (permission() !== "granted") return;
    create("Alerts are told like this", { tag: PLACE }, "");
    if (isRefused()) return;
  }
  setLeastLevel(level);
  try {
    if (level) localStorage.setItem(PLACE, level);
    else localStorage.removeItem(PLACE);
  } catch {
    // Nothing may be stored: it is so for this visit.
  }
}

/** Tells of alerts, each in one of the pages that are open. */
export async function notify(alerts: Alert[]): Promise<void> {
  const least = leastLevel();
  if (!least || obstacle() || Notification.permission !== "granted") return;
  const wanted = alerts.filter(({ level }) => LEVELS.indexOf(level) >= LEVELS.indexOf(least));
  const mine = await navigator.locks.request(SHOWN, () => claim(wanted));
  for (const alert of mine.slice(0, MOST_AT_ONCE)) show(alert);
  const others = mine.length - MOST_AT_ONCE;
  if (others > 0) create(`${others} more alerts`, { tag: SHOWN }, "#/");
}

/** Returns the alerts of which no page has told, and notes that this one does. */
function claim(alerts: Alert[]): Alert[] {
  try {
    const known: unknown = JSON.parse(localStorage.getItem(SHOWN) ?? "[]");
    const ids = Array.isArray(known) ? known.map(String) : [];
    const mine = alerts.filter(({ id }) => !ids.includes(id));
    const now = [...ids, ...mine.map(({ id }) => id)].slice(-MOST_IDS);
    localStorage.setItem(SHOWN, JSON.stringify(now));
    return mine;
  } catch {
    return alerts;
  }
}

function show(alert: Alert): void {
  const of = alert.runId && shownName(alert.runName, alert.runId);
  const body = [of, alert.text.slice(0, TEXT)].filter(Boolean).join("\n");
  const experiment = `#/experiments/${alert.experimentId}`;
  create(
    alert.title,
    { body, tag: alert.id },
    alert.runId ? `${experiment}/runs/${alert.runId}` : `${experiment}/alerts`,
  );
}

function create(title: string, options: NotificationOptions, address: string): void {
  try {
    const notification = new Notification(title, options);
    setRefused(false);
    notification.onclick = () => {
      window.focus();
      if (address) location.hash = address;
      notification.close();
    };
  } catch {
    setRefused(true); // only a service worker may, as on phones
  }
}

function stored(): Level | undefined {
  try {
    const level = localStorage.getItem(PLACE);
    return LEVELS.find((known) => known === level);
  } catch {
    return undefined;
  }
}
