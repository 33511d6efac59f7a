// A text in markdown.

import { Show } from "solid-js";
import { lazyPart } from "../../parts/lazyPart";
import { PanelFrame } from "../PanelFrame";
import type { KindProps } from "../panelContext";
import { titleOf } from "../titles";

const MarkdownText = lazyPart(() => import("../../files/MarkdownText"));

// An address is written by whoever sends it.
const MOST = 2_000;

export default function TextPanel(props: KindProps) {
  const text = () => (props.fields.text ?? "").slice(0, MOST);
  return (
    <PanelFrame {...props} title={titleOf(props.panel)} label={titleOf(props.panel)} actions={[]}>
      <div class="plot scrolled" tabindex="0" role="region" aria-label={titleOf(props.panel)}>
        <Show when={text()} fallback={<p class="hint">Edit it to write something.</p>}>
          <MarkdownText text={text()} />
        </Show>
      </div>
    </PanelFrame>
  );
}
