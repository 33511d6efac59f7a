// What the keys do in the table of runs.

/** What can be done to a table whose active row is told by its index. */
export interface TableActions {
  active: () => number;
  /** How many rows there are, and how many are in sight. */
  count: () => number;
  inSight: () => number;
  move: (to: number) => void;
  /** Shows a row in the charts, or hides it there. */
  draw: (index: number) => void;
  select: (index: number, range: boolean) => void;
  open: (index: number) => void;
  unfold: (index: number, on: boolean) => void;
}

/** Does what a key says, if it says something. */
export function onTableKey(event: KeyboardEvent, table: TableActions): void {
  const active = table.active();
  const page = table.inSight() - 2;
  const keys: Record<string, () => void> = {
    ArrowDown: () => table.move(active + 1),
    ArrowUp: () => table.move(active - 1),
    PageDown: () => table.move(active + page),
    PageUp: () => table.move(active - page),
    Home: () => table.move(0),
    End: () => table.move(table.count() - 1),
    e: () => table.draw(active),
    " ": () => table.select(active, event.shiftKey),
    Enter: () => table.open(active),
    ArrowRight: () => table.unfold(active, true),
    ArrowLeft: () => table.unfold(active, false),
  };
  const action = keys[event.key];
  if (!action || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  action();
}
