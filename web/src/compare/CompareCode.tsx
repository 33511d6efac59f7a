// The programs of runs side by side: what differs in their environments, and in the changes of code.

import { createMemo, For, Show } from "solid-js";
import { forEach, type Run } from "../api/runs";
import { ErrorNote } from "../parts/ErrorNote";
import { KeyName } from "../parts/KeyName";
import { LongText } from "../parts/LongText";
import { lazyPart } from "../parts/lazyPart";
import { createLoaded } from "../parts/loaded";
import { ScrollRegion } from "../parts/ScrollRegion";
import { readSource, type Source } from "../runs/source";
import { Heads } from "./Heads";
import { rowsOf } from "./rows";

const RunDiff = lazyPart(() => import("./RunDiff"));

export default function CompareCode(props: { runs: Run[]; baseline: Run | undefined }) {
  const ids = createMemo(() => props.runs.map((run) => run.id).sort());
  const sources = createLoaded(ids, async (all) => {
    const found = new Map<string, Source>();
    await forEach(all, async (id) => {
      const source = await readSource(id);
      if (source) found.set(id, source);
    });
    return found;
  });
  const rows = createMemo(() =>
    rowsOf(props.runs, (run) => {
      const source = sources.value()?.get(run.id);
      const packages = [...(source?.packages ?? [])].map(([name, version]): [string, string] => [
        `package ${name}`,
        version,
      ]);
      return new Map([...(source?.facts ?? []), ...packages]);
    }).filter((row) => row.differs),
  );
  const changesOf = (run: Run) =>
    (sources.value()?.get(run.id)?.changes ?? []).map(({ text }) => text).join("");
  const first = () => props.baseline ?? props.runs[0];
  const second = () =>
    props.runs.find((run) => changesOf(run) !== changesOf(first() as Run)) ??
    props.runs.find((run) => run !== first());
  return (
    <Show
      when={sources.value()}
      fallback={
        <Show when={sources.error()} fallback={<p class="loading">Loading…</p>}>
          {(error) => <ErrorNote error={error()} again={sources.again} />}
        </Show>
      }
    >
      <section>
        <h2>Programs and environments</h2>
        <Show
          when={rows().length}
          fallback={<p class="hint">They are the same, or nothing is kept of them.</p>}
        >
          <ScrollRegion label="Differing programs and environments" tall>
            <table class="compared">
              <Heads runs={props.runs} baseline={props.baseline?.id ?? ""} />
              <tbody>
                <For each={rows()}>
                  {(row) => (
                    <tr>
                      <th scope="row">
                        <KeyName name={row.key} />
                      </th>
                      <For each={row.texts}>
                        {(text) => (
                          <td>
                            <LongText text={text} />
                          </td>
                        )}
                      </For>
                    </tr>
                  )}
                </For>
              </tbody>
            </table>
          </ScrollRegion>
        </Show>
      </section>
      <section>
        <h2>Changes of code since the commit</h2>
        <RunDiff
          label="Differences of the code"
          runs={props.runs}
          left={first()?.id ?? ""}
          right={second()?.id ?? ""}
          of={async (run) => changesOf(run)}
        />
      </section>
    </Show>
  );
}
