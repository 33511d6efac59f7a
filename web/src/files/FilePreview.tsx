// A file, shown as what it is.

import { createMemo, lazy, Match, Show, Switch } from "solid-js";
import { type Artifact, fileUrl, readText, TEXT_BYTES } from "../api/artifacts";
import { part } from "../api/connection";
import { ErrorNote } from "../parts/ErrorNote";
import { bytes } from "../parts/format";
import { createLoaded } from "../parts/loaded";

const Histogram = lazy(() => part(() => import("./Histogram")));
const CsvTable = lazy(() => part(() => import("./CsvTable")));
const SvgImage = lazy(() => part(() => import("./SvgImage")));
const SourceText = lazy(() => part(() => import("./SourceText")));

type Kind = "image" | "svg" | "audio" | "video" | "html" | "csv" | "text" | "other";

const KINDS: Record<string, Kind> = {
  ...all("image", "png jpg jpeg gif webp bmp ico avif"),
  ...all("svg", "svg"),
  ...all("audio", "wav mp3 ogg oga flac m4a opus"),
  ...all("video", "mp4 webm ogv"),
  ...all("html", "html htm"),
  ...all("csv", "csv tsv"),
  ...all(
    "other",
    "zip gz tar pkl pickle pt pth ckpt onnx npy npz parquet h5 bin safetensors pdf model so db",
  ),
};

export function FilePreview(props: { runId: string; artifact: Artifact }) {
  const url = () => fileUrl(props.runId, props.artifact.path);
  const kind = createMemo((): Kind => {
    const name = props.artifact.name.toLowerCase();
    return KINDS[name.slice(name.lastIndexOf(".") + 1)] ?? "text";
  });
  return (
    <Switch>
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

function all(kind: Kind, endings: string): Record<string, Kind> {
  return Object.fromEntries(endings.split(" ").map((ending) => [ending, kind]));
}
