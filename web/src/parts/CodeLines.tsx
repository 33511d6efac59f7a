// Lines of code with a button that copies them.

import { createSignal } from "solid-js";

export function CodeLines(props: { text: string; label: string }) {
  const [copied, setCopied] = createSignal(false);
  const copy = async () => {
    await navigator.clipboard.writeText(props.text);
    setCopied(true);
    setTimeout(() => setCopied(false), 2_000);
  };
  return (
    <div class="code">
      <pre tabindex="0" role="region" aria-label={props.label}>
        {props.text}
      </pre>
      <button type="button" aria-label={`Copy: ${props.label}`} onClick={copy}>
        {copied() ? "Copied" : "Copy"}
      </button>
    </div>
  );
}
