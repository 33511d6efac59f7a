// Makes what somebody stored into HTML, away from the page: a text may be made so that
// this takes for ever, or fails (docs/decisions/0033-previews-in-a-worker.md).

import type { Made, Wanted } from "./render";

addEventListener("message", async ({ data }: MessageEvent<Wanted>) =>
  postMessage(await make(data)),
);

async function make({ kind, text, name, other = "" }: Wanted): Promise<Made | undefined> {
  try {
    if (kind === "markdown") return (await import("./markdown")).markdown(text);
    if (kind === "diff") return (await import("./diff")).diff(text, other);
    return (await import("./code")).code(text, name);
  } catch {
    return undefined; // such as: nested too deep
  }
}
