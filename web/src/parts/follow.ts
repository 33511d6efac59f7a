// A pointer that is followed from where it went down: what is moved, sized or chosen by dragging.

// Pixels from which on it is dragged, and no click.
const DRAGGED = 4;

/** A pointer that goes down on an element. */
export type Press = PointerEvent & { currentTarget: Element };

/**
 * Tells each move until the pointer is let go. Where the browser takes it over, to scroll or because a
 * window came before it, `end` is told that it `wasTaken`. Once it is dragged, nothing else has its events.
 */
export function follow(
  start: Press,
  move: (event: PointerEvent) => void,
  end: (wasTaken: boolean) => void = () => {},
): void {
  const element = start.currentTarget;
  const over = new AbortController();
  const { signal } = over;
  const isThis = ({ pointerId }: PointerEvent) => pointerId === start.pointerId;
  const onMove = (event: PointerEvent) => {
    if (!isThis(event)) return;
    const way = Math.hypot(event.clientX - start.clientX, event.clientY - start.clientY);
    if (way >= DRAGGED && element.isConnected && !element.hasPointerCapture(start.pointerId))
      element.setPointerCapture(start.pointerId);
    move(event);
  };
  const onEnd = (event: PointerEvent) => {
    if (!isThis(event)) return;
    over.abort();
    end(event.type === "pointercancel");
  };
  addEventListener("pointermove", onMove, { signal });
  addEventListener("pointerup", onEnd, { signal });
  addEventListener("pointercancel", onEnd, { signal });
}
