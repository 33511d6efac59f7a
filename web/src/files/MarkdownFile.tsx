// A file of markdown, as it is meant or as it is written.

import { createSignal, Show } from "solid-js";
import { readText, TEXT_BYTES } from "../api/artifacts";
import { ErrorNote } from "../parts/ErrorNote";
import { bytes } from "../parts/format";
import { createLoaded } from "../parts/loaded";
import MarkdownText from "./MarkdownText";
import SourceText from "./SourceText";
import type { ShownFile } from "./shownFile";

export default function MarkdownFile(props: ShownFile) {
  const [plain, setPlain] = createSignal(false);
  const text = createLoaded(
    () => [props.runId, props.artifact.path] as const,
    ([run, path]) => readText(run, path),
  );
  return (
    <>
      <Show when={text.error()}>{(error) => <ErrorNote error={error()} again={text.again} />}</Show>
      <Show when={props.artifact.size > TEXT_BYTES}>
        <p class="hint">
          The first {bytes(TEXT_BYTES)} of {bytes(props.artifact.size)}; download it for all.
        </p>
      </Show>
      <Show
        when={text.value()}
        fallback={
          <Show when={text.loading()}>
            <p class="hint">Loading…</p>
          </Show>
        }
      >
        {(found) => (
          <>
            <label class="switch">
              <input
                type="checkbox"
                checked={plain()}
                onChange={(event) => setPlain(event.currentTarget.checked)}
              />
              As text
            </label>
            <Show when={plain()} fallback={<MarkdownText text={found()} />}>
              <SourceText name={props.artifact.name} text={found()} />
            </Show>
          </>
        )}
      </Show>
    </>
  );
}
