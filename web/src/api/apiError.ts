// Errors of calls, as the API tells them and as they are shown.

import type { components } from "./schema";

/** What the JSON of an error has (X2 of docs/behaviour.md); that of a proxy may have none of it. */
export type ErrorBody = Partial<components["schemas"]["Error"]>;

/**
 * A call that the server refused, or could not be asked (`code` is then `SERVER_LOST`, or
 * `NO_ANSWER` if it took too long). `reason` and `metadata` tell programs more exactly what is wrong.
 */
export class ApiError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly reason = code,
    readonly metadata: Record<string, string> = {},
  ) {
    super(message);
  }

  /** The field of the request that it is about; empty if it is about none. */
  get field(): string {
    return this.metadata.field ?? "";
  }

  /** The column of a filter, counted from 1, at which it is malformed; 0 if it is not that. */
  get column(): number {
    return this.reason === "FILTER_MALFORMED" ? Number(this.metadata.column ?? 0) : 0;
  }
}

/** Returns the error that a body of JSON tells of; a proxy may have sent anything else. */
export function told(body: unknown, status: number): ApiError {
  const { error_code, message, reason, metadata } = (body ?? {}) as ErrorBody;
  const code = error_code ?? `HTTP_${status}`;
  return new ApiError(code, message ?? `The server answered ${status}.`, reason, metadata);
}

/**
 * Returns an answer that has what was asked for, of a type that ends with `type`, if that is given;
 * raises ApiError if it says why not, or is something else, such as the sign-in page of a proxy.
 */
export async function accepted(response: Response, type = ""): Promise<Response> {
  if (!response.ok) throw told(await response.json().catch(() => undefined), response.status);
  const [found = ""] = (response.headers.get("content-type") ?? "").split(";");
  if (found.trim().endsWith(type)) return response;
  await response.body?.cancel();
  const what = `${found || "nothing"} in place of ${type}`;
  throw new ApiError(
    "NOT_OURS",
    `What answered is not this server, but something before it, such as a proxy: it sent ${what}.`,
  );
}

/** Returns the error of a promise or effect as one that can be shown. */
export function shown(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  return new ApiError("FAULT", error instanceof Error ? error.message : String(error));
}
