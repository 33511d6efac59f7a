// A file, shown as what it is. Whoever shows another file makes another preview: none has anything of
// the file before.

import { type Component, Show } from "solid-js";
import { Dynamic } from "solid-js/web";
import { lazyPart } from "../parts/lazyPart";
import { type Kind, kindOf } from "./kinds";
import { AudioPlayer, VideoPlayer } from "./Players";
import type { ShownFile } from "./shownFile";

const view = (load: () => Promise<{ default: Component<ShownFile> }>) => lazyPart(load);

const VIEWS: Record<Kind, Component<ShownFile>> = {
  array: view(() => import("./ArrayView")),
  arrays: view(() => import("./ArraysView")),
  arrow: view(() => import("./TableFile")),
  audio: AudioPlayer,
  csv: view(() => import("./TableFile")),
  html: view(() => import("./HtmlPage")),
  image: view(() => import("./ImageView")),
  json: view(() => import("./JsonFile")),
  lines: view(() => import("./TableFile")),
  markdown: view(() => import("./MarkdownFile")),
  model: view(() => import("./ModelCardView")),
  notebook: view(() => import("./NotebookView")),
  onnx: view(() => import("./HeaderTree")),
  other: () => <p class="hint">There is no preview of such a file; download it.</p>,
  parquet: view(() => import("./TableFile")),
  pdf: view(() => import("./PdfView")),
  svg: view(() => import("./SvgImage")),
  tensors: view(() => import("./HeaderTree")),
  text: view(() => import("./TextFile")),
  video: VideoPlayer,
};

export function FilePreview(props: ShownFile) {
  return (
    <Show when={props.artifact.size > 0} fallback={<p class="hint">This file is empty.</p>}>
      <Dynamic component={VIEWS[kindOf(props.artifact.name)]} {...props} />
    </Show>
  );
}
