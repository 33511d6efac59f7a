// A region that scrolls: it can be reached by keyboard, and has a name.

import type { JSX } from "solid-js";

export function ScrollRegion(props: { label: string; tall?: boolean; children: JSX.Element }) {
  return (
    <div
      class="scroll"
      classList={{ tall: props.tall ?? false }}
      tabindex="0"
      role="region"
      aria-label={props.label}
    >
      {props.children}
    </div>
  );
}
