// What the list is sorted by, as the address and the search have it.

import { type Column, searchKey } from "./columns";

export interface Sort {
  column: Column;
  descending: boolean;
}

export function sortOf(text: string): Sort | undefined {
  if (!text) return undefined;
  const [, column = text, direction] = /^(.*) (ASC|DESC)$/s.exec(text) ?? [];
  return { column, descending: direction === "DESC" };
}

/** Returns an order for the address. Ascending is said only where the key itself ends so. */
export function textOfSort({ column, descending }: Sort): string {
  if (descending) return `${column} DESC`;
  return / (ASC|DESC)$/.test(column) ? `${column} ASC` : column;
}

export function orderOf(sort: Sort | undefined): string {
  return sort ? `${searchKey(sort.column)} ${sort.descending ? "DESC" : "ASC"}` : "";
}
