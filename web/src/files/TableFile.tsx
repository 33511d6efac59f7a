// A file that is a table.

import { Show } from "solid-js";
import { ErrorNote } from "../parts/ErrorNote";
import { createLoaded } from "../parts/loaded";
import DataTable from "./DataTable";
import { kindOf } from "./kinds";
import { createOpenFile, type ShownFile } from "./shownFile";
import TextFile from "./TextFile";

const FORMATS = {
  csv: "csv",
  lines: "json",
  json: "json",
  parquet: "parquet",
  arrow: "arrow",
} as const;

export default function TableFile(props: ShownFile) {
  const file = createOpenFile(props);
  const kind = kindOf(props.artifact.name) as keyof typeof FORMATS;
  const head = createLoaded(
    () => [props.runId, props.artifact.path] as const,
    () => file.ask("table", { format: FORMATS[kind] }),
  );
  const isText = kind === "csv" || kind === "lines" || kind === "json";
  return (
    <Show
      when={head.value()}
      fallback={
        <>
          <Show when={head.error()}>
            {(error) => <ErrorNote error={error()} again={head.again} />}
          </Show>
          <Show
            when={!head.loading() && isText}
            fallback={
              <Show when={head.loading()}>
                <p class="hint" aria-busy="true">
                  Loading…
                </p>
              </Show>
            }
          >
            <TextFile {...props} />
          </Show>
        </>
      }
    >
      {(table) => (
        <DataTable name={props.artifact.name} head={table()} file={file} isSmall={props.isSmall} />
      )}
    </Show>
  );
}
