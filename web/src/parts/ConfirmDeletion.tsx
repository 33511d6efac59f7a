// A question before something is deleted.

import type { JSX } from "solid-js";
import { Dialog } from "./Dialog";

/** Says what goes with it, and deletes it if that is confirmed. */
export function ConfirmDeletion(props: {
  title: string;
  remove: () => void;
  close: () => void;
  children: JSX.Element;
}) {
  return (
    <Dialog title={props.title} close={props.close}>
      <div class="ask">
        <p>{props.children}</p>
        <footer>
          <button type="button" onClick={() => props.close()}>
            Cancel
          </button>
          <button
            type="button"
            class="primary"
            onClick={() => {
              props.close();
              props.remove();
            }}
          >
            Delete
          </button>
        </footer>
      </div>
    </Dialog>
  );
}
