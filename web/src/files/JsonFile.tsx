// A file of JSON: a histogram, a table, or a text.

import { createSignal, Show } from "solid-js";
import { readText, TEXT_BYTES } from "../api/artifacts";
import { createLoaded } from "../parts/loaded";
import DataTable from "./DataTable";
import Histogram, { distribution } from "./Histogram";
import { createOpenFile, type ShownFile } from "./shownFile";
import TextFile from "./TextFile";

export default function JsonFile(props: ShownFile) {
  const [plain, setPlain] = createSignal(false);
  const file = createOpenFile(props);
  const isShort = () => props.artifact.size <= TEXT_BYTES;
  const text = createLoaded(
    () => isShort() && ([props.runId, props.artifact.path] as const),
    ([run, path]) => readText(run, path),
  );
  const head = createLoaded(
    () => [props.runId, props.artifact.path] as const,
    () => file.ask("table", { format: "json" }).catch(() => undefined),
  );
  return (
    <>
      <Show when={text.value()}>{(found) => <Histogram text={found()} />}</Show>
      <Show when={head.value() && !props.isSmall}>
        <label class="switch">
          <input
            type="checkbox"
            checked={plain()}
            onChange={(event) => setPlain(event.currentTarget.checked)}
          />
          As text
        </label>
      </Show>
      <Show
        when={!plain() && head.value()}
        fallback={
          <Show
            when={!head.loading() || plain()}
            fallback={
              <p class="hint" aria-busy="true">
                Loading…
              </p>
            }
          >
            {/* Under the picture of one of many histograms there are no numbers. */}
            <Show when={!props.isSmall || !text.value() || !distribution(text.value() ?? "")}>
              <TextFile {...props} />
            </Show>
          </Show>
        }
      >
        {(table) => (
          <DataTable
            name={props.artifact.name}
            head={table()}
            file={file}
            isSmall={props.isSmall}
          />
        )}
      </Show>
    </>
  );
}
