// What a folder has: its images as a gallery, its files and folders as a list.

import { createMemo, Show } from "solid-js";
import { type Artifact, fileUrl, listFolder } from "../api/artifacts";
import { ErrorNote } from "../parts/ErrorNote";
import { bytes, counted, time } from "../parts/format";
import { createLoaded } from "../parts/loaded";
import { ScrollRegion } from "../parts/ScrollRegion";
import { ShowMore } from "../parts/ShowMore";
import { kindOf } from "./kinds";
import { inOrder, seriesFile, shownName, smallImages } from "./series";

const MOST_IMAGES = 100;
const MOST_FILES = 200;

export default function FolderView(props: {
  runId: string;
  path: string;
  choose: (artifact: Artifact) => void;
}) {
  const files = createLoaded(
    () => [props.runId, props.path] as const,
    async ([run, path]) => inOrder(await listFolder(run, path)),
  );
  const found = () => files.value() ?? [];
  const small = createMemo(() => smallImages(found()));
  const isImage = ({ name, isFolder, size }: Artifact) =>
    !isFolder && size > 0 && kindOf(name) === "image" && !seriesFile(name)?.isPreview;
  const images = createMemo(() => found().filter(isImage));
  const told = () => {
    const folders = found().filter(({ isFolder }) => isFolder).length;
    const size = found().reduce((sum, file) => sum + file.size, 0);
    return [
      folders && counted(folders, "folder"),
      `${counted(found().length - folders, "file")}, ${bytes(size)}`,
    ]
      .filter(Boolean)
      .join(", ");
  };
  return (
    <>
      <Show when={files.error()}>
        {(error) => <ErrorNote error={error()} again={files.again} />}
      </Show>
      <Show
        when={found().length}
        fallback={<p class="hint">{files.loading() ? "Loading…" : "There is nothing here."}</p>}
      >
        <p class="hint">{told()}</p>
        <Show when={images().length}>
          <ul class="gallery" aria-label="Images" onKeyDown={onKey}>
            <ShowMore
              items={images()}
              step={MOST_IMAGES}
              noun="image"
              around={(button) => <li>{button}</li>}
            >
              {(file) => (
                <li>
                  <button type="button" onClick={() => props.choose(file)}>
                    <img
                      loading="lazy"
                      src={fileUrl(props.runId, (small().get(file.path) ?? file).path)}
                      alt=""
                    />
                    <span>{shownName(file)}</span>
                  </button>
                </li>
              )}
            </ShowMore>
          </ul>
        </Show>
        <ScrollRegion label="Files" tall>
          <table class="pairs entries">
            <thead>
              <tr>
                <th scope="col">Name</th>
                <th scope="col">Size</th>
                <th scope="col">Uploaded</th>
              </tr>
            </thead>
            <tbody>
              <ShowMore
                items={found()}
                step={MOST_FILES}
                noun="file"
                around={(button) => (
                  <tr>
                    <td colspan="3">{button}</td>
                  </tr>
                )}
              >
                {(file) => (
                  <tr>
                    <td>
                      <button type="button" class="quiet" onClick={() => props.choose(file)}>
                        {shownName(file)}
                        {file.isFolder ? "/" : ""}
                      </button>
                    </td>
                    <td>{file.isFolder ? "" : bytes(file.size)}</td>
                    <td>{time(file.uploaded)}</td>
                  </tr>
                )}
              </ShowMore>
            </tbody>
          </table>
        </ScrollRegion>
      </Show>
    </>
  );
}

/** Left and right move from image to image. */
function onKey(event: KeyboardEvent & { currentTarget: HTMLElement }): void {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const items = [...event.currentTarget.querySelectorAll<HTMLElement>("button")];
  items[items.indexOf(document.activeElement as HTMLElement) + step]?.focus();
}
