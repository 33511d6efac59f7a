// A CSV file as a table.

import { For, Show } from "solid-js";
import { count } from "../parts/format";
import { createLoaded } from "../parts/loaded";
import { ScrollRegion } from "../parts/ScrollRegion";
import { render } from "../render/render";
import SourceText from "./SourceText";

export default function CsvTable(props: { name: string; text: string; whole: boolean }) {
  const made = createLoaded(
    () => [props.text, props.whole] as const,
    // The last line may be cut off.
    ([text, whole]) =>
      render({
        kind: "csv",
        text: whole ? text : text.slice(0, text.lastIndexOf("\n") + 1),
        name: "",
      }),
  );
  const rows = () => made.value()?.rows ?? [];
  const left = () => (made.value()?.total ?? 0) - rows().length;
  return (
    <Show
      when={made.value()?.rows}
      fallback={made.loading() ? <p class="hint">Loading…</p> : <SourceText {...props} />}
    >
      <Show when={left() > 0}>
        <p class="hint">
          The first {count(rows().length - 1)} of {count(rows().length - 1 + left())} rows.
        </p>
      </Show>
      <ScrollRegion label="Table" tall>
        <table class="pairs">
          <thead>
            <tr>
              <For each={rows()[0]}>{(name) => <th scope="col">{name}</th>}</For>
            </tr>
          </thead>
          <tbody>
            <For each={rows().slice(1)}>
              {(row) => (
                <tr>
                  <For each={row}>{(text) => <td>{text}</td>}</For>
                </tr>
              )}
            </For>
          </tbody>
        </table>
      </ScrollRegion>
    </Show>
  );
}
