// Files that are not the same in all runs.

import { createMemo, For, Show } from "solid-js";
import { listFiles, readText, TEXT_BYTES } from "../api/artifacts";
import type { Run } from "../api/runs";
import { ErrorNote } from "../parts/ErrorNote";
import { bytes } from "../parts/format";
import { KeyName } from "../parts/KeyName";
import { createLoaded } from "../parts/loaded";
import { ScrollRegion } from "../parts/ScrollRegion";
import { ShowMore } from "../parts/ShowMore";
import { DiffButton } from "./DiffButton";
import { Heads } from "./Heads";
import { rowsOf } from "./rows";

// Files to begin with.
const MOST_ROWS = 200;
const TEXTS = /\.(txt|md|py|json|jsonl|ya?ml|toml|ini|cfg|csv|tsv|sh|sql|xml|html|log|diff)$/i;

export default function CompareFiles(props: { runs: Run[]; baseline: Run | undefined }) {
  const ids = createMemo(() => props.runs.map((run) => run.id).sort());
  const lists = createLoaded(ids, async (all) =>
    Promise.all(all.map(async (id) => [id, await listFiles(id)] as const)),
  );
  const files = createMemo(
    () =>
      new Map(
        (lists.value() ?? []).map(([id, list]) => [
          id,
          new Map(list.map((file) => [file.path, file])),
        ]),
      ),
  );
  const rows = createMemo(() => {
    const of = (run: Run) =>
      new Map(
        [...(files().get(run.id) ?? [])].map(([path, file]) => [
          path,
          `${bytes(file.size)} · ${file.sha256.slice(0, 8)}`,
        ]),
      );
    return rowsOf(props.runs, of).filter((row) => row.differs);
  });
  const having = (path: string) => props.runs.filter((run) => files().get(run.id)?.has(path));
  const isComparable = (path: string) =>
    TEXTS.test(path) &&
    having(path).length > 1 &&
    having(path).every((run) => (files().get(run.id)?.get(path)?.size ?? 0) <= TEXT_BYTES);
  const pair = (path: string) => {
    const all = having(path);
    const first = all.find((run) => run.id === props.baseline?.id) ?? all[0];
    const sum = (run: Run | undefined) =>
      files()
        .get(run?.id ?? "")
        ?.get(path)?.sha256;
    const second = all.find((run) => sum(run) !== sum(first)) ?? all.find((run) => run !== first);
    return { left: first?.id ?? "", right: second?.id ?? "" };
  };
  return (
    <>
      <Show when={lists.error()}>
        {(error) => <ErrorNote error={error()} again={lists.again} />}
      </Show>
      <Show
        when={rows().length}
        fallback={
          <p class="empty">
            {lists.loading() ? "Loading…" : "All artifacts are the same, or there are none."}
          </p>
        }
      >
        <ScrollRegion label="Differing artifacts" tall>
          <table class="compared">
            <Heads runs={props.runs} baseline={props.baseline?.id ?? ""} />
            <tbody>
              <ShowMore
                items={rows()}
                step={MOST_ROWS}
                noun="file"
                around={(button) => (
                  <tr>
                    <td colspan={props.runs.length + 1}>{button}</td>
                  </tr>
                )}
              >
                {(row) => (
                  <tr>
                    <th scope="row">
                      <KeyName name={row.key} />
                      <Show when={isComparable(row.key)}>
                        <DiffButton
                          name={row.key}
                          runs={having(row.key)}
                          {...pair(row.key)}
                          of={(run) => readText(run.id, row.key)}
                        />
                      </Show>
                    </th>
                    <For each={row.texts}>{(text) => <td>{text}</td>}</For>
                  </tr>
                )}
              </ShowMore>
            </tbody>
          </table>
        </ScrollRegion>
      </Show>
    </>
  );
}
