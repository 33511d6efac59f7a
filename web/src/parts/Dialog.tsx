// A dialog: the browser's own, which keeps the focus inside and closes by Escape.

import { createUniqueId, type JSX, onCleanup, onMount } from "solid-js";
import { createClose } from "./closing";

export function Dialog(props: {
  title: string;
  close: () => void;
  children: JSX.Element;
  wide?: boolean;
}) {
  const id = createUniqueId();
  let dialog!: HTMLDialogElement;
  const before = document.activeElement;
  onMount(() => dialog.showModal());
  // The browser tells later that it was closed.
  const close = createClose(() => props.close());
  onCleanup(() => {
    dialog.close(); // while it is open nothing beside it takes the focus
    if (before instanceof HTMLElement) before.focus();
  });
  return (
    <dialog
      ref={dialog}
      class="dialog"
      classList={{ wide: props.wide ?? false }}
      aria-labelledby={id}
      onClose={close}
    >
      <header>
        <h2 id={id}>{props.title}</h2>
        <button type="button" class="quiet" aria-label="Close" onClick={() => props.close()}>
          ✕
        </button>
      </header>
      {props.children}
    </dialog>
  );
}
