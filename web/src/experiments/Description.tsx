// What somebody wrote about an experiment: its first line, and all of it as markdown on demand.

import { createSignal, Show, Suspense } from "solid-js";
import { lazyPart } from "../parts/lazyPart";

const MarkdownText = lazyPart(() => import("../files/MarkdownText"));
const LINE = 160;

export function Description(props: { name: string; text: string }) {
  const [open, setOpen] = createSignal(false);
  const line = () => {
    const first = props.text.trim().split("\n")[0] ?? "";
    // Without the marks of a heading and of emphasis.
    return first.replace(/^#+\s*|[*`]|(?<!\w)_|_(?!\w)/g, "");
  };
  const isAll = () => props.text.trim() === line() && line().length <= LINE;
  return (
    <div class="description">
      <Show when={!open()}>{line().slice(0, LINE)} </Show>
      <Show when={!isAll()}>
        <button type="button" class="quiet" aria-expanded={open()} onClick={() => setOpen(!open())}>
          {open() ? "less" : "more"}
          <span class="unseen"> about {props.name}</span>
        </button>
      </Show>
      <Show when={open()}>
        <Suspense fallback={<p class="loading">Loading…</p>}>
          <MarkdownText text={props.text} />
        </Suspense>
      </Show>
    </div>
  );
}
