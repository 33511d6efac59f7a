// The artifacts of a run: a tree, and a preview of the file that is chosen.

import { createSignal, Show } from "solid-js";
import { type Artifact, fileUrl, listFolder, zipUrl } from "../api/artifacts";
import { FilePreview } from "../files/FilePreview";
import { SeriesSteps } from "../files/SeriesSteps";
import { inOrder, shownName } from "../files/series";
import { useText } from "../parts/address";
import { ErrorNote } from "../parts/ErrorNote";
import { bytes } from "../parts/format";
import { createLoaded } from "../parts/loaded";
import { ShowMore } from "../parts/ShowMore";

// Of a folder, to begin with.
const MOST_FILES = 500;

export default function RunArtifacts(props: { runId: string }) {
  const [path, setPath] = useText("artifact");
  const [chosen, setChosen] = createSignal<Artifact>();
  const choose = (artifact: Artifact) => {
    setChosen(artifact);
    setPath(artifact.path);
  };
  // A link may lead to a file: its folder says what it is.
  createLoaded(
    () => (chosen()?.path === path() ? undefined : path()),
    async (wanted) => {
      const folder = wanted.slice(0, Math.max(0, wanted.lastIndexOf("/")));
      const found = await listFolder(props.runId, folder).catch(() => []);
      setChosen(found.find((artifact) => artifact.path === wanted));
    },
  );
  return (
    <div class="artifacts">
      <div>
        <div class="tree" role="tree" aria-label="Artifacts" onKeyDown={onKey}>
          <Folder runId={props.runId} path="" level={1} chosen={path()} choose={choose} />
        </div>
        <a class="button" href={zipUrl(props.runId, "")} download="">
          Download all as zip
        </a>
      </div>
      <Show when={chosen()} fallback={<p class="empty">Choose a file to see it.</p>}>
        {(artifact) => (
          <section class="preview" aria-label={`Preview of ${artifact().name}`}>
            <div class="bar">
              <h2>{artifact().path}</h2>
              <Show
                when={!artifact().isFolder}
                fallback={
                  <a class="button" href={zipUrl(props.runId, artifact().path)} download="">
                    Download as zip
                  </a>
                }
              >
                <span class="hint">{bytes(artifact().size)}</span>
                <a
                  class="button"
                  href={fileUrl(props.runId, artifact().path)}
                  download={artifact().name}
                >
                  Download
                </a>
              </Show>
            </div>
            <Show when={!artifact().isFolder}>
              <SeriesSteps runId={props.runId} artifact={artifact()} choose={choose} />
              <FilePreview runId={props.runId} artifact={artifact()} />
            </Show>
          </section>
        )}
      </Show>
    </div>
  );
}

function Folder(props: {
  runId: string;
  path: string;
  level: number;
  chosen: string;
  choose: (artifact: Artifact) => void;
}) {
  const files = createLoaded(
    () => [props.runId, props.path] as const,
    async ([run, path]) => inOrder(await listFolder(run, path)),
  );
  return (
    <>
      <Show when={files.error()}>
        {(error) => <ErrorNote error={error()} again={files.again} />}
      </Show>
      <Show
        when={files.value()?.length}
        fallback={<p class="hint">{files.loading() ? "Loading…" : "No artifacts."}</p>}
      >
        <ShowMore items={files.value() ?? []} step={MOST_FILES} noun="file">
          {(artifact) => <Item {...props} artifact={artifact} />}
        </ShowMore>
      </Show>
    </>
  );
}

function Item(props: {
  runId: string;
  artifact: Artifact;
  level: number;
  chosen: string;
  choose: (artifact: Artifact) => void;
}) {
  // A link that leads below a folder unfolds it.
  const [open, setOpen] = createSignal(props.chosen.startsWith(`${props.artifact.path}/`));
  const use = () => {
    if (props.artifact.isFolder) setOpen(!open());
    props.choose(props.artifact);
  };
  return (
    <>
      <div
        role="treeitem"
        class="item"
        tabindex="0"
        aria-level={props.level}
        aria-selected={props.chosen === props.artifact.path}
        {...(props.artifact.isFolder && { "aria-expanded": open() })}
        style={{ "padding-left": `${props.level * 14}px` }}
        onClick={use}
        onKeyDown={(event) => {
          const unfolds = props.artifact.isFolder && event.key === "ArrowRight" && !open();
          const folds = props.artifact.isFolder && event.key === "ArrowLeft" && open();
          if (event.key !== "Enter" && event.key !== " " && !unfolds && !folds) return;
          event.preventDefault();
          use();
        }}
      >
        <span aria-hidden="true">{props.artifact.isFolder ? (open() ? "▾ " : "▸ ") : "  "}</span>
        {shownName(props.artifact)}
        <Show when={!props.artifact.isFolder}>
          <span class="hint"> {bytes(props.artifact.size)}</span>
        </Show>
      </div>
      <Show when={props.artifact.isFolder && open()}>
        <Folder {...props} path={props.artifact.path} level={props.level + 1} />
      </Show>
    </>
  );
}

/** Up and down move from item to item. */
function onKey(event: KeyboardEvent & { currentTarget: HTMLElement }): void {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const items = [...event.currentTarget.querySelectorAll<HTMLElement>("[role=treeitem]")];
  items[items.indexOf(document.activeElement as HTMLElement) + step]?.focus();
}
