// Calls of the API, typed by the contract, and the errors that they end with.

import createClient from "openapi-fetch";
import { lose } from "./connection";
import type { components, paths } from "./schema";
import { noteSignedOut } from "./session";

export type Schemas = components["schemas"];

/** A call that the server refused, or could not be asked (`code` is then `SERVER_LOST`). */
export class ApiError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }

  /** The column of a filter, counted from 1, at which it is malformed; 0 if it is not that. */
  get column(): number {
    return Number(/at column (\d+) there is/.exec(this.message)?.[1] ?? 0);
  }

  /** What was found at this column, and what was expected. */
  get atColumn(): string {
    return /at column \d+ (there is .*)$/s.exec(this.message)?.[1] ?? this.message;
  }
}

/** The client: paths are those of the OpenAPI document, relative to the page. */
export const api = createClient<paths>({
  baseUrl: ".",
  fetch: reach,
  // `run_ids=a&run_ids=b`
  querySerializer: { array: { style: "form", explode: true } },
});

/** Fetches; notes a server that cannot be reached, or does not know who calls. */
export async function reach(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(input, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
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

/** Returns what a fetch of a route without a type answers; raises ApiError if it is refused. */
export async function fetched(input: string, init?: RequestInit): Promise<Response> {
  return accepted(await reach(input, init));
}

/** Returns an answer that has what was asked for; raises ApiError if it says why not. */
export async function accepted(response: Response): Promise<Response> {
  if (response.ok) return response;
  throw told(await response.json().catch(() => undefined), response.status);
}

function told(error: unknown, status: number): ApiError {
  const { error_code: code, message } = (error ?? {}) as Partial<Schemas["Error"]>;
  return new ApiError(code ?? `HTTP_${status}`, message ?? `The server answered ${status}.`);
}

/** Returns the error of a promise or effect as one that can be shown. */
export function shown(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  return new ApiError("FAULT", error instanceof Error ? error.message : String(error));
}

// MLflow's routes tell infinity as the largest double (M3 of docs/behaviour.md).
const LARGEST = Number.MAX_VALUE;

/** Returns a double that came as JSON: NaN and the infinities come as texts. */
export function double(value: Schemas["Metric"]["value"]): number {
  const number = Number(value);
  return Math.abs(number) === LARGEST ? Math.sign(number) * Number.POSITIVE_INFINITY : number;
}
