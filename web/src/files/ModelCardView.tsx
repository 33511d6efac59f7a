// A model that MLflow stored: its flavours, its signature, and what it needs.

import { createMemo, For, Show } from "solid-js";
import { listFolder, readText } from "../api/artifacts";
import { ErrorNote } from "../parts/ErrorNote";
import { createLoaded } from "../parts/loaded";
import { Facts } from "./Facts";
import SourceText from "./SourceText";
import { createAnswer, type ShownFile } from "./shownFile";
import TextFile from "./TextFile";

const NEEDS = ["requirements.txt", "conda.yaml", "python_env.yaml"];

export default function ModelCardView(props: ShownFile) {
  const card = createAnswer(props, "model", {});
  const folder = createMemo(() =>
    props.artifact.path.slice(0, -"MLmodel".length).replace(/\/$/, ""),
  );
  const needs = createLoaded(
    () => [props.runId, folder()] as const,
    async ([run, folder]) => {
      const files = await listFolder(run, folder);
      const file = NEEDS.map((name) => files.find((file) => file.name === name)).find(Boolean);
      return file && { name: file.name, text: await readText(run, file.path) };
    },
  );
  return (
    <>
      <Show when={card.error()}>{(error) => <ErrorNote error={error()} again={card.again} />}</Show>
      <Show when={card.value()}>
        {(model) => (
          <div class="model-card">
            <Facts facts={model().facts} />
            <For each={model().signature}>
              {({ part, fields }) => (
                <section>
                  <h3>{part[0]?.toUpperCase() + part.slice(1)}</h3>
                  <Facts facts={fields} />
                </section>
              )}
            </For>
            <For each={model().flavors}>
              {({ name, facts }) => (
                <section>
                  <h3>Flavour {name}</h3>
                  <Facts facts={facts} />
                </section>
              )}
            </For>
            <Show when={needs.value()}>
              {(file) => (
                <section>
                  <h3>Dependencies ({file().name})</h3>
                  <SourceText name={file().name} text={file().text} />
                </section>
              )}
            </Show>
          </div>
        )}
      </Show>
      <details>
        <summary>The file as text</summary>
        <TextFile {...props} />
      </details>
    </>
  );
}
