// Views in addresses. The state of the workspace is always that of its address. One that names a view
// (`view`) leads on to one that has the view's state as parameters of its own, and in `saved` which
// view that was: so what has changed since can be told, and nothing is merged.

import { listDocuments, readDocument } from "../api/documents";
import { remembered } from "./remembered";

const VIEW = "view";
/** Without the head of the page, in a frame of another one. */
export const FRAME = "frame";
export const SAVED = "saved";
/** In place of the id of a view: the workspace as it is without any, though there is a default view. */
export const NO_VIEW = "none";

/** Returns the state in a query: all but which view it began with. */
export function stateOf(search: string): string {
  const query = new URLSearchParams(search);
  query.delete(SAVED);
  query.delete(FRAME);
  return query.toString();
}

/** Returns whether two states are the same, in whatever order. */
export function isSameState(one: string, other: string): boolean {
  return sorted(one) === sorted(other);
}

/** Returns the query of the link to a view. */
export function linkTo(viewId: string): string {
  return `?${new URLSearchParams({ [VIEW]: viewId })}`;
}

/** Returns the query that shows a view; one without a title leaves no trace but its state. */
export function queryOf(view: { id: string; title: string; text: string }): string {
  const all = new URLSearchParams({ [SAVED]: view.title ? view.id : NO_VIEW });
  for (const [name, value] of new URLSearchParams(stateOf(view.text)))
    if (name !== VIEW) all.append(name, value); // no view leads on to another one
  return `?${all}`;
}

/** Returns whether an address leads on to another: without a query, or with that of a view. */
export function leadsOn(search: string): boolean {
  return !search || !!namedView(search);
}

/** Returns the query to which an address leads on; empty, if it stays as it is. */
export async function nextQuery(experimentId: string, search: string): Promise<string> {
  if (search) {
    const bare = new URLSearchParams(search).has(FRAME) ? `&${FRAME}=none` : "";
    return queryOf(await readDocument(namedView(search))) + bare;
  }
  const before = remembered(experimentId);
  if (before) return before;
  const [first] = await listDocuments(experimentId, "view", 1).catch(() => []);
  return first?.isDefault ? queryOf(await readDocument(first.id)) : "";
}

function namedView(search: string): string {
  return new URLSearchParams(search).get(VIEW) ?? "";
}

function sorted(state: string): string {
  const query = new URLSearchParams(state);
  query.sort();
  return query.toString();
}
