// What a text of one run and that of another differ in.

import { createSignal, For, Show } from "solid-js";
import type { Run } from "../api/runs";
import { ErrorNote } from "../parts/ErrorNote";
import { readable } from "../parts/format";
import { createLoaded } from "../parts/loaded";
import { ScrollRegion } from "../parts/ScrollRegion";
import type { DiffPart } from "../render/diff";
import { render } from "../render/render";

// Lines that are the same are shown next to those that differ.
const CONTEXT = 3;

export default function RunDiff(props: {
  label: string;
  runs: Run[];
  /** Ids of the two runs to begin with. */
  left: string;
  right: string;
  of: (run: Run) => Promise<string>;
}) {
  const [left, setLeft] = createSignal(props.left);
  const [right, setRight] = createSignal(props.right);
  const read = (id: string) => {
    const run = props.runs.find((one) => one.id === id);
    return run ? props.of(run) : "";
  };
  const found = createLoaded(
    () => [left(), right()] as const,
    async (ids) => {
      const [text = "", other = ""] = await Promise.all(ids.map(read));
      const made = await render({ kind: "diff", text, other, name: "" });
      return { text, other, parts: made?.parts };
    },
  );
  const isSame = () => found.value()?.text === found.value()?.other;
  return (
    <>
      <div class="bar">
        <Choice label="Before" runs={props.runs} chosen={left()} choose={setLeft} />
        <span aria-hidden="true">→</span>
        <Choice label="After" runs={props.runs} chosen={right()} choose={setRight} />
      </div>
      <Show when={found.error()}>
        {(error) => <ErrorNote error={error()} again={found.again} />}
      </Show>
      <Show when={found.value()} fallback={<p class="hint">{found.loading() ? "Loading…" : ""}</p>}>
        {(now) => (
          <Show when={!isSame()} fallback={<p class="hint">Both are the same.</p>}>
            <ScrollRegion label={props.label} tall>
              <Show when={now().parts} fallback={<Whole {...now()} />}>
                {(parts) => <Parts parts={parts()} />}
              </Show>
            </ScrollRegion>
          </Show>
        )}
      </Show>
    </>
  );
}

function Choice(props: {
  label: string;
  runs: Run[];
  chosen: string;
  choose: (id: string) => void;
}) {
  return (
    <select
      aria-label={props.label}
      value={props.chosen}
      onChange={(event) => props.choose(event.currentTarget.value)}
    >
      <For each={props.runs}>
        {(run) => (
          <option value={run.id} selected={run.id === props.chosen}>
            {run.name}
          </option>
        )}
      </For>
    </select>
  );
}

function Parts(props: { parts: DiffPart[] }) {
  return (
    <pre class="diff">
      <For each={props.parts}>
        {(part, i) => {
          const text = readable(part.text);
          if (part.kind === "removed") return <del>{text}</del>;
          if (part.kind === "added") return <ins>{text}</ins>;
          return <span>{shortened(text, i() === 0, i() === props.parts.length - 1)}</span>;
        }}
      </For>
    </pre>
  );
}

/** Texts too long to be compared: one after the other. */
function Whole(props: { text: string; other: string }) {
  return (
    <pre class="diff">
      <del>{readable(props.text)}</del>
      {"\n"}
      <ins>{readable(props.other)}</ins>
    </pre>
  );
}

/** Returns what is shown of lines that are the same, between others or at an end. */
function shortened(text: string, isFirst: boolean, isLast: boolean): string {
  const lines = text.split(/(?<=\n)/);
  const before = isFirst ? 0 : CONTEXT;
  const after = isLast ? 0 : CONTEXT;
  const left = lines.length - before - after;
  if (left < 2) return text;
  const end = lines.slice(lines.length - after);
  return [...lines.slice(0, before), `⋯ ${left} lines are the same\n`, ...(after ? end : [])].join(
    "",
  );
}
