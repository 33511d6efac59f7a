// The end of a text. While the run goes on, its program may upload a longer one in its place.

import { createEffect, createMemo, createSignal, on, Show } from "solid-js";
import { findArtifact, readBytes } from "../api/artifacts";
import { ErrorNote } from "../parts/ErrorNote";
import { bytes, readable } from "../parts/format";
import { createLoaded } from "../parts/loaded";
import { poll } from "../parts/poll";
import type { ShownFile } from "./shownFile";

const END_BYTES = 256 * 1024;
const EACH_MS = 2_000;

export default function TextEnd(props: ShownFile) {
  let region!: HTMLPreElement;
  const newest = createLoaded(
    () => [props.runId, props.artifact.path] as const,
    ([run, path]) => findArtifact(run, path),
  );
  const artifact = createMemo(() => newest.value() ?? props.artifact);
  const [following, setFollowing] = createSignal(true);
  const start = () => Math.max(0, artifact().size - END_BYTES);
  const text = createLoaded(
    () => [props.runId, artifact().path, artifact().sha256, start(), artifact().size] as const,
    async ([run, path, sha256, start, size]) => {
      const found = new TextDecoder().decode(await readBytes(run, path, start, size, sha256));
      // The first line has lost its beginning.
      return readable(start ? found.slice(found.indexOf("\n") + 1) : found);
    },
  );
  const both = {
    loading: () => newest.loading() || text.loading(),
    again: newest.again,
  };
  const again = () => {
    newest.again();
    text.again();
  };
  poll(both, EACH_MS, () => !!props.isRunning);
  createEffect(
    on(text.value, () => {
      if (following()) region.scrollTop = region.scrollHeight;
    }),
  );
  const onScroll = () =>
    setFollowing(region.scrollTop + region.clientHeight >= region.scrollHeight - 20);
  const toEnd = () => {
    setFollowing(true);
    region.scrollTop = region.scrollHeight;
  };
  return (
    <>
      <Show when={text.error()}>{(error) => <ErrorNote error={error()} again={again} />}</Show>
      <p class="hint" role="status">
        <Show when={start() > 0} fallback={`All ${bytes(artifact().size)}`}>
          The last {bytes(END_BYTES)} of {bytes(artifact().size)}
        </Show>
        <Show when={props.isRunning}>, read again while the run goes on</Show>
      </p>
      <div class="text-end">
        <pre
          ref={region}
          class="source"
          tabindex="0"
          role="region"
          aria-label={`End of ${props.artifact.name}`}
          onScroll={onScroll}
        >
          {text.value()}
        </pre>
        <Show when={!following()}>
          <button type="button" class="follow" onClick={toEnd}>
            {props.isRunning ? "↓ Follow" : "↓ To the end"}
          </button>
        </Show>
      </div>
    </>
  );
}
