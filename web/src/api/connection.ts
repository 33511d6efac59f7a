// Whether the server can be reached. While it cannot, it is asked again and again.

import { createSignal } from "solid-js";
import { ApiError } from "./apiError";
import { fetchInTime, importedInTime } from "./deadline";
import { reloadIfOutdated } from "./version";

const AGAIN_MS = 1_000;
// How long a server may take to say that it is there.
const HEALTH_MS = 10_000;

const [lost, setLost] = createSignal(false);
const [returns, setReturns] = createSignal(0);

export { lost, returns };

/** Notes that the server could not be reached; what follows `returns` is read again when it can. */
export function lose(): void {
  if (lost()) return;
  setLost(true);
  setTimeout(ask, AGAIN_MS);
}

/**
 * Loads a part of the interface; while the server is lost, it waits for it. Raises ApiError if the part
 * is not there in a minute.
 */
export async function part<Part>(load: () => Promise<Part>): Promise<Part> {
  try {
    return await importedInTime(load());
  } catch (error) {
    if (error instanceof ApiError) throw error; // once more would wait for the same
    lose();
    await found();
    // If it still is not there, the server has another version of the interface by now (version.ts).
    return importedInTime(load());
  }
}

function found(): Promise<void> {
  return new Promise((resolve) => {
    const wait = () => (lost() ? setTimeout(wait, AGAIN_MS / 4) : resolve());
    wait();
  });
}

/** Asks whether the server is there; returns that, and notes it as lost if it is not. */
export async function checkConnection(): Promise<boolean> {
  const isThere = await isHealthy();
  if (!isThere) lose();
  return isThere;
}

async function isHealthy(): Promise<boolean> {
  const answer = await fetchInTime("health", { cache: "no-store" }, HEALTH_MS).catch(
    () => undefined,
  );
  return !!answer?.ok;
}

async function ask(): Promise<void> {
  if (!(await isHealthy())) {
    setTimeout(ask, AGAIN_MS);
    return;
  }
  await reloadIfOutdated();
  setLost(false);
  setReturns((count) => count + 1);
}
