// Calls that end in a stated time, whatever the server does.

import { ApiError } from "./apiError";

// Milliseconds of an ordinary call: twice what a server gives a read, unless it is told otherwise.
const CALL_MS = 60_000;

/** Milliseconds of what may take longer: many points, files, changes of very many runs. */
export const LONG_MS = 180_000;

/**
 * Fetches, as `fetch` does; raises ApiError (`NO_ANSWER`) if the answer, its body included, is not
 * there in so many milliseconds.
 */
export async function fetchInTime(
  input: RequestInfo | URL,
  init: RequestInit = {},
  limit = CALL_MS,
): Promise<Response> {
  const own = new AbortController();
  const given = init.signal ?? (input instanceof Request ? input.signal : undefined);
  const stop = () => own.abort(given?.reason);
  if (given?.aborted) stop();
  given?.addEventListener("abort", stop, { once: true });
  const what = nameOf(input);
  setTimeout(() => own.abort(noAnswer(what, limit)), limit); // which does nothing after the end
  return fetch(input, { ...init, signal: own.signal });
}

/** Returns what an import loads; raises ApiError (`NO_ANSWER`) if it is not there in a minute. */
export async function importedInTime<Part>(loading: Promise<Part>): Promise<Part> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new ApiError("NO_ANSWER", "A part of the page has not come in 60 seconds.");
    timer = setTimeout(() => reject(error), CALL_MS);
  });
  return Promise.race([loading, late]).finally(() => clearTimeout(timer));
}

/** Returns what is asked for, as the API names it. */
function nameOf(input: RequestInfo | URL): string {
  const { pathname } = new URL(input instanceof Request ? input.url : input, document.baseURI);
  return /\/(?:runstream|mlflow)\/(.*)$/.exec(pathname)?.[1] ?? pathname;
}

function noAnswer(what: string, limit: number): ApiError {
  return new ApiError(
    "NO_ANSWER",
    `The server has not answered ${what} in ${limit / 1000} seconds.`,
  );
}
