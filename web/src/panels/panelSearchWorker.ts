// Finds texts by a regular expression, away from the page: one may go back and forth for ever.

import type { Asked, Found } from "./panelSearch";

addEventListener("message", ({ data }: MessageEvent<Asked>) => postMessage(find(data)));

function find({ pattern, flags, texts }: Asked): Found {
  try {
    const expression = new RegExp(pattern, flags);
    return { texts: texts.filter((text) => expression.test(text)), error: "" };
  } catch (failure) {
    return { texts: [], error: failure instanceof Error ? failure.message : String(failure) };
  }
}
