// A page that a run stored, in a frame that reaches nothing (http/downloads.py).

import { createMemo, Show } from "solid-js";
import { fileUrl, readText } from "../api/artifacts";
import { createLoaded } from "../parts/loaded";
import type { ShownFile } from "./shownFile";

export default function HtmlPage(props: ShownFile) {
  const text = createLoaded(
    () => [props.runId, props.artifact.path] as const,
    ([run, path]) => readText(run, path),
  );
  const hosts = createMemo(() => {
    const found = (text.value() ?? "").matchAll(
      /<script[^>]{0,500}\ssrc\s*=\s*["']?https?:\/\/([^/"'\s>]+)/gi,
    );
    return [...new Set([...found].map(([, host = ""]) => host))].slice(0, 5);
  });
  return (
    <>
      <Show when={hosts().length}>
        <p class="warning" role="note">
          This page loads scripts from {hosts().join(", ")}. Here it reaches nothing, so parts of it
          may be missing. Log such figures by <code>log_figure</code>, which stores their scripts
          with them, or with <code>include_plotlyjs=True</code>, or <code>INLINE</code> of Bokeh.
        </p>
      </Show>
      <iframe
        sandbox="allow-scripts"
        src={fileUrl(props.runId, props.artifact.path)}
        title={props.artifact.name}
      />
    </>
  );
}
