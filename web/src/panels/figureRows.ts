// What a panel that is drawn shows as rows, for whoever has nothing but its element.

type Rows = (string | number | null)[][];

const ROWS = new WeakMap<Element, () => Rows | undefined>();

/** Says what an element shows, with a head first; undefined where others say it. */
export function provideRows(element: Element, rows: () => Rows | undefined): void {
  ROWS.set(element, rows);
}

export function rowsOf(element: Element): Rows | undefined {
  return ROWS.get(element)?.();
}
