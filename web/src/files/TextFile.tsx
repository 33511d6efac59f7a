// A text: its beginning, or its end, which is read again while the run goes on.

import { createSignal, Show } from "solid-js";
import { readText, TEXT_BYTES } from "../api/artifacts";
import { ErrorNote } from "../parts/ErrorNote";
import { bytes } from "../parts/format";
import { lazyPart } from "../parts/lazyPart";
import { createLoaded } from "../parts/loaded";
import SourceText from "./SourceText";
import type { ShownFile } from "./shownFile";

const TextEnd = lazyPart(() => import("./TextEnd"));

// Shorter texts are seen from beginning to end.
const LONG = 100_000;

export default function TextFile(props: ShownFile) {
  const isLong = () => props.artifact.size > LONG || props.isRunning === true;
  const [atEnd, setAtEnd] = createSignal(isLong() && /\.(log|out|err)$/i.test(props.artifact.name));
  return (
    <>
      <Show when={isLong()}>
        <fieldset class="switch">
          <legend class="unseen">Part of the text</legend>
          <label>
            <input type="radio" checked={!atEnd()} onChange={() => setAtEnd(false)} />
            Beginning
          </label>
          <label>
            <input type="radio" checked={atEnd()} onChange={() => setAtEnd(true)} />
            End
          </label>
        </fieldset>
      </Show>
      <Show when={atEnd()} fallback={<Beginning {...props} />}>
        <TextEnd {...props} />
      </Show>
    </>
  );
}

function Beginning(props: ShownFile) {
  const text = createLoaded(
    () => [props.runId, props.artifact.path] as const,
    ([run, path]) => readText(run, path),
  );
  // A file of unknown kind may be no text.
  const isText = () => !text.value()?.slice(0, 4_000).includes("\0");
  return (
    <>
      <Show when={text.error()}>{(error) => <ErrorNote error={error()} again={text.again} />}</Show>
      <Show when={props.artifact.size > TEXT_BYTES}>
        <p class="hint">
          The first {bytes(TEXT_BYTES)} of {bytes(props.artifact.size)}; download it for all.
        </p>
      </Show>
      <Show
        when={text.value() !== undefined && isText()}
        fallback={
          <Show when={!text.error()}>
            <p class="hint">{text.loading() ? "Loading…" : "This is no text; download it."}</p>
          </Show>
        }
      >
        <SourceText name={props.artifact.name} text={text.value() ?? ""} />
      </Show>
    </>
  );
}
