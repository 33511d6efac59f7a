// Calls of the API, typed by the contract.

import createClient from "openapi-fetch";
import { ApiError, accepted, told } from "./apiError";
import { checkConnection, lose } from "./connection";
import { fetchInTime, LONG_MS } from "./deadline";
import type { components, paths } from "./schema";
import { noteSignedOut } from "./session";

export { ApiError, shown, told } from "./apiError";

export type Schemas = components["schemas"];

/** The client: paths are those of the OpenAPI document, relative to the page. */
export const api = createClient<paths>({
  baseUrl: ".",
  fetch: async (request) => ofJson(await reach(request)),
  // `run_ids=a&run_ids=b`
  querySerializer: { array: { style: "form", explode: true } },
});

/** What a call that may take longer has beside its body: `api.POST(path, { body, ...long })`. */
export const long = {
  fetch: async (request: Request) => ofJson(await reach(request, {}, LONG_MS)),
};

/** Returns an answer that a call can read; one that has an error is read by it, too. */
function ofJson(response: Response): Response | Promise<Response> {
  return response.ok ? accepted(response, "json") : response;
}

/**
 * Fetches; notes a server that cannot be reached, or does not know who calls. Raises ApiError, also
 * if the answer is not there in so many milliseconds.
 */
export async function reach(
  input: RequestInfo | URL,
  init?: RequestInit,
  limit?: number,
): Promise<Response> {
  let response: Response;
  try {
    response = await fetchInTime(input, init, limit);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    if (error instanceof ApiError) {
      checkConnection();
      throw error;
    }
    lose();
    throw new ApiError("SERVER_LOST", "The server cannot be reached.");
  }
  if (response.status === 502 || response.status === 504) lose(); // so says a proxy before it
  if (response.status === 401) noteSignedOut();
  return response;
}

interface Answer<Data> {
  data?: Data;
  error?: unknown;
  response: Response;
}

/** Returns what a call answers; raises ApiError if it is refused. */
export async function answered<Data>(call: Promise<Answer<Data>>): Promise<Data> {
  const { data, error, response } = await call;
  if (data === undefined) throw told(error, response.status);
  return data;
}

/**
 * Returns what a fetch of a route without a type answers: many points, or a file. `type` is how its
 * media type ends. Raises ApiError if it is refused.
 */
export async function fetched(input: string, type: string, init?: RequestInit): Promise<Response> {
  return accepted(await reach(input, init, LONG_MS), type);
}

// MLflow's routes tell infinity as the largest double (M3 of docs/behaviour.md).
const LARGEST = Number.MAX_VALUE;

/** Returns a double that came as JSON: NaN and the infinities come as texts. */
export function double(value: Schemas["Metric"]["value"]): number {
  const number = Number(value);
  return Math.abs(number) === LARGEST ? Math.sign(number) * Number.POSITIVE_INFINITY : number;
}
