// A notebook of Jupyter: its cells, and what they put out. Nothing of it runs.

import { For, Match, Show, Switch } from "solid-js";
import { counted, readable } from "../parts/format";
import type { NotebookCell, NotebookOutput } from "../render/fileQuestions";
import { Answered } from "./Answered";
import { cleanHtml } from "./cleanHtml";
import { createAnswer, type ShownFile } from "./shownFile";

export default function NotebookView(props: ShownFile) {
  const found = createAnswer(props, "notebook", {});
  return (
    <Answered of={found}>
      {(notebook) => (
        <div class="notebook">
          <For each={notebook().cells}>{(cell, i) => <Cell cell={cell} number={i() + 1} />}</For>
          <Show when={notebook().left > 0}>
            <p class="hint">{counted(notebook().left, "more cell")}; download the file for all.</p>
          </Show>
        </div>
      )}
    </Answered>
  );
}

function Cell(props: { cell: NotebookCell; number: number }) {
  const cell = () => props.cell;
  return (
    <section aria-label={`Cell ${props.number}`} class="cell-row">
      <span class="prompt hint">{cell().kind === "code" ? `[${cell().count}]` : ""}</span>
      <div>
        <Switch fallback={<pre class="source">{readable(cell().text)}</pre>}>
          <Match when={cell().kind === "markdown" && cell().html}>
            {(html) => <div class="notes" innerHTML={cleanHtml(html())} />}
          </Match>
          <Match when={cell().kind === "code" && cell().html}>
            {(html) => (
              <pre class="source">
                <code innerHTML={html()} />
              </pre>
            )}
          </Match>
        </Switch>
        <For each={cell().outputs}>{(output) => <Output output={output} />}</For>
      </div>
    </section>
  );
}

function Output(props: { output: NotebookOutput }) {
  return (
    <div class="cell-output" classList={{ failed: props.output.isError === true }}>
      <Switch fallback={<pre>{readable(props.output.text ?? "")}</pre>}>
        <Match when={props.output.image}>
          {(image) => <img src={image()} alt="Output of the cell" />}
        </Match>
        <Match when={props.output.html}>
          {(html) => <div class="notes" innerHTML={cleanHtml(html())} />}
        </Match>
      </Switch>
    </div>
  );
}
