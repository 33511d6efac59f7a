// The artifacts of a run as a tree: folders are read when they are unfolded.

import { createSignal, onMount, Show } from "solid-js";
import { type Artifact, listFolder } from "../api/artifacts";
import { ErrorNote } from "../parts/ErrorNote";
import { bytes } from "../parts/format";
import { createLoaded } from "../parts/loaded";
import { ShowMore } from "../parts/ShowMore";
import { inOrder, shownName } from "./series";

// Of a folder, to begin with.
const MOST_FILES = 500;

interface Branch {
  runId: string;
  level: number;
  /** The path of the file or folder that is shown. */
  chosen: string;
  choose: (artifact: Artifact) => void;
}

export function FileTree(props: Omit<Branch, "level">) {
  return (
    <div class="tree" role="tree" aria-label="Artifacts" onKeyDown={onKey}>
      <Folder {...props} path="" level={1} />
    </div>
  );
}

function Folder(props: Branch & { path: string }) {
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

function Item(props: Branch & { artifact: Artifact }) {
  let item!: HTMLDivElement;
  // A link that leads below a folder unfolds it.
  const [open, setOpen] = createSignal(props.chosen.startsWith(`${props.artifact.path}/`));
  const use = () => {
    if (props.artifact.isFolder) setOpen(!open());
    props.choose(props.artifact);
  };
  onMount(() => {
    if (props.chosen === props.artifact.path) item.scrollIntoView({ block: "nearest" });
  });
  return (
    <>
      <div
        ref={item}
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
          event.stopPropagation();
          use();
        }}
      >
        <span class="name">
          <span aria-hidden="true">{props.artifact.isFolder ? (open() ? "▾ " : "▸ ") : "  "}</span>
          {shownName(props.artifact)}
        </span>
        <Show when={!props.artifact.isFolder}>
          <span class="hint size">{bytes(props.artifact.size)}</span>
        </Show>
      </div>
      <Show when={props.artifact.isFolder && open()}>
        <Folder {...props} path={props.artifact.path} level={props.level + 1} />
      </Show>
    </>
  );
}

/** Up and down move from item to item, Home and End to the first and last, left to the folder. */
function onKey(event: KeyboardEvent & { currentTarget: HTMLElement }): void {
  const items = [...event.currentTarget.querySelectorAll<HTMLElement>("[role=treeitem]")];
  const at = items.indexOf(document.activeElement as HTMLElement);
  const level = (item: HTMLElement | undefined) => Number(item?.getAttribute("aria-level"));
  const folder = () => items.slice(0, at).findLast((item) => level(item) < level(items[at]));
  const next: Record<string, () => HTMLElement | undefined> = {
    ArrowDown: () => items[at + 1],
    ArrowUp: () => items[at - 1],
    Home: () => items[0],
    End: () => items.at(-1),
    ArrowLeft: folder,
  };
  const found = next[event.key]?.();
  if (!found) return;
  event.preventDefault();
  found.focus();
}
