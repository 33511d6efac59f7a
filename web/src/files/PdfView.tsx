// A PDF, in the viewer of the browser: what is in it cannot reach the page (http/file_response.py).

import { Show } from "solid-js";
import { fileUrl } from "../api/artifacts";
import type { ShownFile } from "./shownFile";

export default function PdfView(props: ShownFile) {
  const url = () => fileUrl(props.runId, props.artifact.path);
  return (
    <Show
      when={navigator.pdfViewerEnabled}
      fallback={<p class="hint">This browser shows no PDF; download it.</p>}
    >
      <iframe class="pdf" src={url()} title={props.artifact.name} />
    </Show>
  );
}
