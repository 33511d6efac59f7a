// One line of a console.

import { createMemo, For, Match, Show, Switch } from "solid-js";
import { count, readable, time } from "../parts/format";
import { type Look, type Span, spansOf } from "./ansi";
import type { Line } from "./consoleLines";

interface Part extends Span {
  isFound: boolean;
}

export function ConsoleRow(props: {
  line: Line | undefined;
  top: number;
  position: number;
  of: number;
  pattern: RegExp | undefined;
  times: boolean;
}) {
  return (
    <div
      class="line"
      classList={{ stderr: props.line?.isError ?? false }}
      role="listitem"
      aria-posinset={props.position}
      aria-setsize={props.of}
      style={{ transform: `translateY(${props.top}px)` }}
    >
      <Show when={props.line}>
        {(line) => (
          <Switch fallback={<Text line={line()} pattern={props.pattern} times={props.times} />}>
            <Match when={line().missing}>
              <span class="missing">{toldGap(line())}</span>
            </Match>
          </Switch>
        )}
      </Show>
    </div>
  );
}

/** Returns what stands in the place of lines that are not kept. */
export function toldGap(line: Line): string {
  return `[${count(line.missing)} lines are not kept: of a long console the first 4 MiB and the last 12 MiB are]`;
}

function Text(props: { line: Line; pattern: RegExp | undefined; times: boolean }) {
  const parts = createMemo(() => {
    const { text, look } = props.line;
    return marked(spansOf(text, look), props.pattern);
  });
  return (
    <>
      <span class="number" aria-hidden="true">
        {props.line.number}
      </span>
      <Show when={props.times}>
        <span class="time">{time(props.line.time)}</span>
      </Show>
      <span class="stream" title={props.line.isError ? "stderr" : "stdout"}>
        {props.line.isError ? "err" : ""}
      </span>
      <span class="text">
        <For each={parts()}>
          {(part) =>
            part.isFound ? (
              <mark>{readable(part.text)}</mark>
            ) : (
              <span {...drawn(part.look)}>{readable(part.text)}</span>
            )
          }
        </For>
      </span>
    </>
  );
}

/** Returns the parts of a line, with those apart that are looked for. */
function marked(spans: Span[], pattern: RegExp | undefined): Part[] {
  const whole = spans.map(({ text }) => text).join("");
  const matches = pattern ? [...whole.matchAll(pattern)] : [];
  const parts: Part[] = [];
  let start = 0;
  for (const { text, look } of spans) {
    const cut = (from: number, to: number, isFound: boolean) => {
      const piece = text.slice(Math.max(0, from - start), Math.max(0, to - start));
      if (piece) parts.push({ text: piece, look, isFound });
    };
    let from = start;
    for (const { index, 0: found } of matches) {
      cut(from, index, false);
      cut(Math.max(from, index), index + found.length, true);
      from = Math.max(from, index + found.length);
    }
    cut(from, start + text.length, false);
    start += text.length;
  }
  return parts;
}

function drawn(look: Look) {
  const text = look.inverse ? (look.ground ?? "var(--ground)") : look.text;
  const ground = look.inverse ? (look.text ?? "var(--text)") : look.ground;
  return {
    classList: {
      bold: !!look.bold,
      faint: !!look.faint,
      italic: !!look.italic,
      underline: !!look.underline,
      strike: !!look.strike,
      coloured: !!text,
      grounded: !!ground,
    },
    style: { "--ink": text, "--paper": ground },
  };
}
