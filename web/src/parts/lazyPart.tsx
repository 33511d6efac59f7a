// Parts of the interface that are loaded when they are needed.

import { type Component, lazy } from "solid-js";
import { part } from "../api/connection";
import { reload } from "../api/version";

/**
 * Returns a component whose file is loaded with its first use. Where that fails, because a server has
 * other files by now or something between loses one, `missing` says so in its place, and the rest of
 * the page stays as it is.
 */
export function lazyPart<Props extends object>(
  load: () => Promise<{ default: Component<Props> }>,
  missing: Component = MissingPart,
) {
  return lazy(() => part(load).catch((): { default: Component<Props> } => ({ default: missing })));
}

export function MissingPart() {
  return (
    <div class="error" role="alert">
      <p>This part of the page could not be loaded: the server may have a new version of it.</p>
      <button type="button" onClick={reload}>
        Load the page anew
      </button>
    </div>
  );
}
