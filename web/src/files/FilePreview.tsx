// A file, shown as what it is. Whoever shows another file makes another preview: none has anything of
// the file before.

import { createMemo, lazy, Match, Show, Switch } from "solid-js";
import { type Artifact, fileUrl, readText, TEXT_BYTES } from "../api/artifacts";
import { part } from "../api/connection";
import { ErrorNote } from "../parts/ErrorNote";
import { bytes } from "../parts/format";
import { createLoaded } from "../parts/loaded";
import { kindOf } from "./kinds";

const Histogram = lazy(() => part(() => import("./Histogram")));
const CsvTable = lazy(() => part(() => import("./CsvTable")));
const SvgImage = lazy(() => part(() => import("./SvgImage")));
const SourceText = lazy(() => part(() => import("./SourceText")));

export function FilePreview(props: { runId: string; artifact: Artifact }) {
  const url = () => fileUrl(props.runId, props.artifact.path);
  const kind = createMemo(() => kindOf(props.artifact.name));
  return (
    <Switch>
      <Match when={props.artifact.size === 0}>
        <p class="hint">This file is empty.</p>
      </Match>
      <Match when={kind() === "image"}>
        <img src={url()} alt={props.artifact.name} />
      </Match>
      <Match when={kind() === "svg"}>
        <SvgImage runId={props.runId} artifact={props.artifact} />
      </Match>
      <Match when={kind() === "audio"}>
        {/* biome-ignore lint/a11y/useMediaCaption: nobody wrote captions for what a run stored */}
        <audio controls src={url()} aria-label={props.artifact.name} />
      </Match>
      <Match when={kind() === "video"}>
        {/* biome-ignore lint/a11y/useMediaCaption: as above */}
        <video controls src={url()} aria-label={props.artifact.name} />
      </Match>
      <Match when={kind() === "html"}>
        {/* Its scripts run in an origin of its own, and reach nothing (http/downloads.py). */}
        <iframe sandbox="allow-scripts" src={url()} title={props.artifact.name} />
      </Match>
      <Match when={kind() === "other"}>
        <p class="hint">There is no preview of such a file; download it.</p>
      </Match>
      <Match when={kind() === "text" || kind() === "csv"}>
        <Text runId={props.runId} artifact={props.artifact} table={kind() === "csv"} />
      </Match>
    </Switch>
  );
}

function Text(props: { runId: string; artifact: Artifact; table: boolean }) {
  const text = createLoaded(
    () => [props.runId, props.artifact.path, props.artifact.sha256] as const,
    ([run, path]) => readText(run, path),
  );
  // A file of unknown kind may be no text.
  const isText = () => !text.value()?.slice(0, 4_000).includes("\0");
  return (
    <>
      <Show when={text.error()}>{(error) => <ErrorNote error={error()} again={text.again} />}</Show>
      <Show when={props.artifact.size > TEXT_BYTES}>
        <p class="hint">
          The first {bytes(TEXT_BYTES)} of {bytes(props.artifact.size)}; download it for all.
        </p>
      </Show>
      <Show
        when={text.value() !== undefined && isText()}
        fallback={
          <p class="hint">{text.loading() ? "Loading…" : "This is no text; download it."}</p>
        }
      >
        <Show when={props.artifact.name.endsWith(".json")}>
          <Histogram text={text.value() ?? ""} />
        </Show>
        <Show
          when={props.table}
          fallback={<SourceText name={props.artifact.name} text={text.value() ?? ""} />}
        >
          <CsvTable
            name={props.artifact.name}
            text={text.value() ?? ""}
            whole={props.artifact.size <= TEXT_BYTES}
          />
        </Show>
      </Show>
    </>
  );
}
