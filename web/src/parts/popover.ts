// Something behind a button that is not a menu: it is closed by Escape, and by going elsewhere.

import { useLocation } from "@solidjs/router";
import { createEffect, createSignal, createUniqueId, on, onCleanup } from "solid-js";

/**
 * Returns whether it is open, how to change that, and what the elements need: `root` is for the one
 * around both, `button` for the button, and `id` for what is opened.
 */
export function createPopover() {
  const id = createUniqueId();
  const location = useLocation();
  const [open, setOpen] = createSignal(false);
  let root!: HTMLElement;
  let button!: HTMLButtonElement;
  /** Closes it, and gives the focus back. */
  const hide = () => {
    setOpen(false);
    button.focus();
  };
  const isOutside = (target: EventTarget | null) => !root.contains(target as Node);
  const onPointer = (event: PointerEvent) => {
    if (isOutside(event.target)) setOpen(false);
  };
  document.addEventListener("pointerdown", onPointer);
  onCleanup(() => document.removeEventListener("pointerdown", onPointer));
  createEffect(on([() => location.pathname], () => setOpen(false)));
  return {
    id,
    open,
    toggle: () => setOpen(!open()),
    hide,
    root: {
      ref: (element: HTMLElement) => {
        root = element;
      },
      onKeyDown: (event: KeyboardEvent) => {
        const isInDialog = (event.target as HTMLElement).closest("dialog");
        if (event.key !== "Escape" || !open() || isInDialog) return;
        event.stopPropagation();
        hide();
      },
      onFocusOut: ({ relatedTarget }: FocusEvent) => {
        if (relatedTarget && isOutside(relatedTarget)) setOpen(false);
      },
    },
    button: {
      ref: (element: HTMLButtonElement) => {
        button = element;
      },
      type: "button" as const,
      "aria-controls": id,
    },
  };
}
