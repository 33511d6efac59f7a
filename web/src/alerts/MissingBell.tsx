// What stands in place of the bell where its part of the interface could not be loaded.

import { createUniqueId } from "solid-js";
import { MissingPart } from "../parts/lazyPart";

export function MissingBell() {
  const id = createUniqueId();
  return (
    <>
      <button
        type="button"
        class="quiet"
        popovertarget={id}
        aria-label="Alerts could not be loaded"
      >
        ⚠
      </button>
      <div id={id} class="missing-bell" popover>
        <MissingPart />
      </div>
    </>
  );
}
