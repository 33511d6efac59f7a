// What somebody has set up of an experiment: the query of its address, kept by the browser.

const STORED = "runstream.workspace.";
const MOST = 50_000; // characters

// Of this visit: also what a link showed, so that who leaves the page comes back to that.
const visited = new Map<string, string>();

/** Returns the query with which an experiment was last seen; empty if it was not. */
export function remembered(experimentId: string): string {
  return visited.get(experimentId) ?? stored(experimentId);
}

/** Keeps a query for this visit; for later ones, too, if somebody set it up. */
export function remember(experimentId: string, query: string, isSetUp: boolean): void {
  visited.set(experimentId, query);
  if (!isSetUp || query.length > MOST) return;
  try {
    localStorage.setItem(STORED + experimentId, query);
  } catch {
    // The storage is full or not allowed: the address has it all the same.
  }
}

export function forget(experimentId: string): void {
  visited.delete(experimentId);
  try {
    localStorage.removeItem(STORED + experimentId);
  } catch {
    // There is nothing to forget where nothing may be stored.
  }
}

function stored(experimentId: string): string {
  try {
    return localStorage.getItem(STORED + experimentId) ?? "";
  } catch {
    return "";
  }
}
