// A CSV file as a table.

import Papa from "papaparse";
import { createMemo, For, Show } from "solid-js";
import { count } from "../parts/format";
import { Scroll } from "../parts/Scroll";

const MOST_ROWS = 500;

export default function CsvTable(props: { text: string; whole: boolean }) {
  const rows = createMemo(() => {
    const { data } = Papa.parse<string[]>(props.text, { skipEmptyLines: true });
    return props.whole ? data : data.slice(0, -1); // the last line may be cut off
  });
  return (
    <>
      <Show when={rows().length > MOST_ROWS + 1}>
        <p class="hint">
          The first {count(MOST_ROWS)} of {count(rows().length - 1)} rows.
        </p>
      </Show>
      <Scroll label="Table" tall>
        <table class="pairs">
          <thead>
            <tr>
              <For each={rows()[0]}>{(name) => <th scope="col">{name}</th>}</For>
            </tr>
          </thead>
          <tbody>
            <For each={rows().slice(1, MOST_ROWS + 1)}>
              {(row) => (
                <tr>
                  <For each={row}>{(text) => <td>{text}</td>}</For>
                </tr>
              )}
            </For>
          </tbody>
        </table>
      </Scroll>
    </>
  );
}
