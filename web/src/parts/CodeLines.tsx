// Lines of code with a button that copies them.

import { CopyButton } from "./CopyButton";
import { select } from "./copyText";

export function CodeLines(props: { text: string; label: string }) {
  let lines!: HTMLPreElement;
  return (
    <div class="code">
      <pre ref={lines} tabindex="0" role="region" aria-label={props.label}>
        {props.text}
      </pre>
      <CopyButton text={props.text} label={props.label} refused={() => select(lines)} />
    </div>
  );
}
