// The files of a run whose paths have some words, at any depth.

import { createMemo, For, Show } from "solid-js";
import { type Artifact, listFiles, MOST_FOUND } from "../api/artifacts";
import { ErrorNote } from "../parts/ErrorNote";
import { bytes, count, counted } from "../parts/format";
import { createLoaded } from "../parts/loaded";
import { ShowMore } from "../parts/ShowMore";
import { seriesFile } from "./series";

const MOST_SHOWN = 200;

export default function FileSearch(props: {
  runId: string;
  words: string;
  chosen: string;
  choose: (artifact: Artifact) => void;
}) {
  const files = createLoaded(
    () => props.runId,
    (run) => listFiles(run),
  );
  const found = createMemo(() => {
    const words = props.words.toLowerCase().split(/\s+/);
    return (files.value() ?? []).filter((file) => {
      const text = `${file.path} ${seriesFile(file.name)?.key ?? ""}`.toLowerCase();
      return words.every((word) => text.includes(word));
    });
  });
  return (
    <>
      <Show when={files.error()}>
        {(error) => <ErrorNote error={error()} again={files.again} />}
      </Show>
      <p class="hint" role="status">
        {files.loading()
          ? "Loading…"
          : `${count(found().length)} of ${counted(files.value()?.length ?? 0, "file")}`}
        <Show when={files.value()?.length === MOST_FOUND}>; there are more</Show>
      </p>
      <ul class="tree" aria-label="Files found" onKeyDown={onKey}>
        <ShowMore
          items={found()}
          step={MOST_SHOWN}
          noun="file"
          around={(button) => <li>{button}</li>}
        >
          {(file) => (
            <li>
              <button
                type="button"
                class="item"
                aria-current={props.chosen === file.path}
                onClick={() => props.choose(file)}
              >
                <span class="name">
                  <For each={marked(file.path, props.words)}>
                    {(part, i) => (i() % 2 ? <mark>{part}</mark> : part)}
                  </For>
                </span>
                <span class="hint size">{bytes(file.size)}</span>
              </button>
            </li>
          )}
        </ShowMore>
      </ul>
    </>
  );
}

/** Returns a path in parts, of which every second is a word that was looked for. */
function marked(path: string, words: string): string[] {
  const texts = words.split(/\s+/).filter(Boolean);
  const escaped = texts.map((text) => text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, "\\$&"));
  return escaped.length ? path.split(new RegExp(`(${escaped.join("|")})`, "gi")) : [path];
}

function onKey(event: KeyboardEvent & { currentTarget: HTMLElement }): void {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const items = [...event.currentTarget.querySelectorAll<HTMLElement>("button")];
  items[items.indexOf(document.activeElement as HTMLElement) + step]?.focus();
}
