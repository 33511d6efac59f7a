// A text, with the colours of its language where that does not take too long.

import { createMemo, Show } from "solid-js";
import { readable } from "../parts/format";
import { createLoaded } from "../parts/loaded";
import { render } from "../render/render";

export default function SourceText(props: { name: string; text: string }) {
  const shown = createMemo(() => readable(props.text));
  const made = createLoaded(
    () => [props.name, shown()] as const,
    ([name, text]) => render({ kind: "code", text, name }),
  );
  return (
    <pre
      class="source"
      tabindex="0"
      role="region"
      aria-label={`Content of ${props.name}`}
      aria-busy={made.loading()}
    >
      <Show when={!made.loading() && made.value()?.html} fallback={shown()}>
        {(html) => <code innerHTML={html()} />}
      </Show>
    </pre>
  );
}
