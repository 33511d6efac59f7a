// The text of a report: markdown, with panels where it has their addresses.

import { createMemo, For, Match, Switch } from "solid-js";
import { lazyPart } from "../parts/lazyPart";
import { addressOf, blocksOf, MOST_PANELS } from "./blocks";

const MarkdownText = lazyPart(() => import("../files/MarkdownText"));
const QueryCharts = lazyPart(() => import("../panels/QueryCharts"));

export function ReportText(props: { text: string; experimentId: string }) {
  // A part that stays as it is stays drawn, while others are written.
  const keys = createMemo(() => {
    let panels = 0;
    return blocksOf(props.text).map(({ kind, text }) => {
      if (kind === "markdown") return `m${text}`;
      panels += 1;
      return panels > MOST_PANELS ? "" : `p${text}`;
    });
  });
  return (
    <div class="report-text">
      {/* The headings of markdown stand below it. */}
      <h2 class="unseen">Text</h2>
      <For each={keys()}>
        {(key) => {
          const text = key.slice(1);
          const address = addressOf(text, props.experimentId);
          return (
            <Switch>
              <Match when={key.startsWith("m")}>
                <MarkdownText text={text} />
              </Match>
              <Match when={key.startsWith("p")}>
                <section class="live" aria-label="Panels">
                  <QueryCharts experimentId={address.experimentId} query={address.query} />
                  <a
                    class="hint"
                    href={`#/experiments/${address.experimentId}?${address.query || "saved=none"}`}
                  >
                    Open in the workspace
                  </a>
                </section>
              </Match>
              <Match when={!key}>
                <p class="hint">A report draws {MOST_PANELS} blocks of panels at most.</p>
              </Match>
            </Switch>
          );
        }}
      </For>
    </div>
  );
}
