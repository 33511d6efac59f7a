// A button that copies a text.

import { createSignal } from "solid-js";
import { copyText } from "./copyText";

const TOLD_MS = 2_000;

export function CopyButton(props: {
  text: string;
  /** What it copies, for those who do not see where it stands. */
  label: string;
  /** Called where the browser copies nothing. */
  refused?: () => void;
}) {
  const [told, setTold] = createSignal<string>();
  const copy = async () => {
    const done = await copyText(props.text);
    if (!done) props.refused?.();
    setTold(done ? "Copied" : "Press Ctrl+C");
    setTimeout(() => setTold(undefined), TOLD_MS);
  };
  return (
    <button type="button" class="copy" aria-label={`Copy: ${props.label}`} onClick={copy}>
      {told() ?? "Copy"}
    </button>
  );
}
