// Panels that are moved and sized by the pointer.

import { follow, type Press } from "../parts/follow";

/** Follows a panel that is moved; tells over which other it was let go, and before which half of it. */
export function dragGrip(event: Press, drop: (target: string, before: boolean) => void): void {
  const own = event.currentTarget.closest<HTMLElement>("[data-panel]");
  let marked: HTMLElement | undefined;
  let isBefore = false;
  const mark = (panel: HTMLElement | undefined) => {
    marked?.classList.remove("drop-before", "drop-after");
    marked = panel;
    panel?.classList.add(isBefore ? "drop-before" : "drop-after");
  };
  follow(
    event,
    (moved) => {
      own?.classList.add("moved");
      const under = document.elementsFromPoint(moved.clientX, moved.clientY);
      const panel = under
        .map((element) => element.closest<HTMLElement>("[data-panel]"))
        .find((element) => element && element !== own);
      const box = panel?.getBoundingClientRect();
      isBefore = !!box && moved.clientX < box.left + box.width / 2;
      mark(panel ?? undefined);
    },
    (wasTaken) => {
      const target = marked?.dataset.panel;
      own?.classList.remove("moved");
      mark(undefined);
      if (target !== undefined && !wasTaken) drop(target, isBefore);
    },
  );
}

/** Follows the corner of a panel; tells the size once it is let go, and shows it before. */
export function dragSize(
  event: Press,
  columns: number,
  size: (to: { width: number; height: number }) => void,
): void {
  const panel = event.currentTarget.closest<HTMLElement>("[data-panel]");
  const grid = panel?.parentElement;
  const plot = panel?.querySelector<HTMLElement>(".plot");
  if (!panel || !grid || !plot) return;
  const column = grid.clientWidth / columns;
  const start = { x: event.clientX, y: event.clientY };
  const before = { width: panel.offsetWidth, height: plot.offsetHeight };
  let to = { width: Math.round(before.width / column), height: before.height };
  let isMoved = false;
  follow(
    event,
    (moved) => {
      isMoved = true;
      to = {
        width: Math.max(
          1,
          Math.min(columns, Math.round((before.width + moved.clientX - start.x) / column)),
        ),
        height: before.height + moved.clientY - start.y,
      };
      panel.style.gridColumn = `span ${to.width}`;
      panel.style.setProperty("--height", `${to.height}px`);
    },
    () => isMoved && size(to),
  );
}
