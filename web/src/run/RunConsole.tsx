// What the programs of a run wrote on their consoles, followed while the run goes on. Of very many
// lines only those in sight are made.

import { createVirtualizer } from "@tanstack/solid-virtual";
import { createEffect, createMemo, createSignal, For, on, Show } from "solid-js";
import type { Run } from "../api/runs";
import { useText } from "../parts/address";
import { CodeLines } from "../parts/CodeLines";
import { ErrorNote } from "../parts/ErrorNote";
import { count, counted } from "../parts/format";
import { saveFile } from "../parts/saveFile";
import type { LiveRuns } from "../runs/liveRuns";
import { ConsoleRow, toldGap } from "./ConsoleRow";
import { createConsoleLines, type Line } from "./consoleLines";
import "../style/console.css";

const ROW = 20;

export default function RunConsole(props: { run: Run; live: LiveRuns }) {
  const console = createConsoleLines(props.run.id, props.live);
  const [search, setSearch] = useText("find");
  const [stream, setStream] = useText("stream");
  const [times, setTimes] = useText("times");
  const pattern = createMemo(() =>
    search() ? new RegExp(search().replaceAll(/[\\^$.*+?()[\]{}|/-]/g, "\\$&"), "gi") : undefined,
  );
  const found = createMemo(
    () => {
      const wanted = pattern();
      const only = stream();
      if (!wanted && !only) return console.lines();
      const isError = only === "stderr";
      return console
        .lines()
        .filter(
          (line) =>
            !line.missing &&
            (!only || line.isError === isError) &&
            (!wanted || line.plain.search(wanted) >= 0),
        );
    },
    [],
    { equals: false }, // the list of all lines stays the same one
  );
  const told = () => {
    const all = counted(console.lines().length, "line");
    return found() === console.lines() ? all : `${count(found().length)} of ${all}`;
  };
  const save = () =>
    saveFile(`${props.run.name}-console.txt`, textOf(console.lines()), "text/plain");
  return (
    <>
      <Show when={console.error()}>
        {(error) => <ErrorNote error={error()} again={console.again} />}
      </Show>
      <Show
        when={console.lines().length}
        fallback={
          <Show when={!console.loading()} fallback={<p class="loading">Loading…</p>}>
            <NoOutput />
          </Show>
        }
      >
        <div class="bar">
          <input
            type="search"
            aria-label="Find lines"
            placeholder="Find lines"
            data-search
            value={search()}
            onInput={(event) => setSearch(event.currentTarget.value)}
          />
          <select
            aria-label="Which output"
            value={stream()}
            onChange={(event) => setStream(event.currentTarget.value)}
          >
            <option value="">stdout and stderr</option>
            <option value="stdout">stdout</option>
            <option value="stderr">stderr</option>
          </select>
          <label>
            <input
              type="checkbox"
              checked={!!times()}
              onChange={(event) => setTimes(event.currentTarget.checked ? "1" : "")}
            />
            Times
          </label>
          <span class="count" role="status">
            {told()}
          </span>
          <button type="button" onClick={save}>
            Download
          </button>
        </div>
        <Output
          lines={found()}
          longest={console.longest()}
          loading={console.loading()}
          pattern={pattern()}
          times={!!times()}
          isRunning={props.run.end === null}
        />
      </Show>
    </>
  );
}

/** The lines in a region that scrolls, and stays at its end unless somebody scrolls up. */
function Output(props: {
  lines: Line[];
  longest: number;
  loading: boolean;
  pattern: RegExp | undefined;
  times: boolean;
  isRunning: boolean;
}) {
  let region!: HTMLDivElement;
  let top = 0;
  const [following, setFollowing] = createSignal(true);
  const rows = createVirtualizer({
    get count() {
      return props.lines.length;
    },
    getScrollElement: () => region,
    estimateSize: () => ROW,
    overscan: 10,
  });
  const toEnd = () => {
    region.scrollTop = region.scrollHeight;
  };
  const onScroll = () => {
    const isUp = region.scrollTop < top;
    top = region.scrollTop;
    const isAtEnd = top + region.clientHeight >= region.scrollHeight - ROW / 2;
    // A list that became shorter scrolls up to its end by itself.
    if (isUp !== isAtEnd) setFollowing(isAtEnd);
  };
  const follow = () => {
    setFollowing(true);
    toEnd();
    region.focus();
  };
  createEffect(
    on(
      () => props.lines,
      () => following() && toEnd(),
    ),
  );
  return (
    <div class="console">
      <div
        ref={region}
        class="output"
        role="region"
        aria-label="Console"
        aria-busy={props.loading}
        tabindex="0"
        onScroll={onScroll}
        onKeyDown={(event) => {
          // A line that comes while the browser still scrolls would be below what it takes for the end.
          if (event.key === "End") follow();
        }}
      >
        <div
          role="list"
          aria-label="Lines"
          style={{
            height: `${rows.getTotalSize()}px`,
            "min-width": `calc(${props.longest}ch + var(--gutter))`,
          }}
        >
          <For each={rows.getVirtualItems()}>
            {(row) => (
              <ConsoleRow
                line={props.lines[row.index]}
                top={row.start}
                position={row.index + 1}
                of={props.lines.length}
                pattern={props.pattern}
                times={props.times}
              />
            )}
          </For>
        </div>
      </div>
      <Show when={!following()}>
        <button type="button" class="follow" onClick={follow}>
          {props.isRunning ? "↓ Follow" : "↓ To the end"}
        </button>
      </Show>
    </div>
  );
}

function NoOutput() {
  return (
    <section class="empty">
      <h2>No output</h2>
      <p>A run keeps what its program writes to stdout and stderr if it is started by:</p>
      <CodeLines
        text="with runstream.start_run(capture_output=True):"
        label="Keep the output in Python"
      />
      <p>or if its program is:</p>
      <CodeLines text="runstream run train.py" label="Keep the output of a program" />
    </section>
  );
}

function textOf(lines: Line[]): string {
  return lines.map((line) => `${line.missing ? toldGap(line) : line.plain}\n`).join("");
}
