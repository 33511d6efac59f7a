// The artifacts of a run and of the models that it made: a tree that can be searched, and what is
// chosen in it.

import { createMemo, createSignal, For, Show } from "solid-js";
import { type Artifact, fileUrl, listFolder, zipUrl } from "../api/artifacts";
import { listModels } from "../api/models";
import type { Run } from "../api/runs";
import { FilePreview } from "../files/FilePreview";
import { FileTree } from "../files/FileTree";
import { SeriesSteps } from "../files/SeriesSteps";
import { useChange, useText } from "../parts/address";
import { bytes } from "../parts/format";
import { createLoaded } from "../parts/loaded";
import "../style/files.css";
import { lazyPart } from "../parts/lazyPart";

const FileSearch = lazyPart(() => import("../files/FileSearch"));
const FolderView = lazyPart(() => import("../files/FolderView"));

const ROOT: Artifact = { path: "", name: "", isFolder: true, size: 0, sha256: "", uploaded: 0 };

export default function RunArtifacts(props: { run: Run }) {
  const [model] = useText("model");
  const change = useChange();
  const models = createLoaded(
    () => [props.run.experimentId, props.run.id, props.run.end] as const,
    ([experimentId, runId]) => listModels(experimentId, runId),
  );
  // The server knows files of a model by its id, as it knows those of a run.
  const owner = () => {
    if (!model()) return props.run.id;
    if (!models.latest()) return "";
    return models.latest()?.find(({ model_id }) => model_id === model())?.model_id ?? props.run.id;
  };
  const choose = (id: string) =>
    change({ model: id, artifact: undefined, files: undefined }, { replace: false });
  return (
    <>
      <Show when={models.latest()?.length}>
        <label class="bar">
          Files of
          <select onChange={(event) => choose(event.currentTarget.value)}>
            <option value="">the run</option>
            <For each={models.latest()}>
              {({ model_id, name }) => (
                <option value={model_id} selected={model_id === model()}>
                  model {name}
                </option>
              )}
            </For>
          </select>
        </label>
      </Show>
      <Show when={owner()} keyed fallback={<p class="loading">Loading…</p>}>
        {(owner) => <Artifacts runId={owner} isRunning={props.run.end === null} />}
      </Show>
    </>
  );
}

function Artifacts(props: { runId: string; isRunning: boolean }) {
  const [path, setPath] = useText("artifact");
  const [words, setWords] = useText("files");
  const [told, setTold] = createSignal<Artifact>(ROOT);
  const choose = (artifact: Artifact) => {
    setTold(artifact);
    setPath(artifact.path);
  };
  // A link may lead to a file: its folder says what it is.
  const looked = createLoaded(
    () => told().path !== path() && path() && ([props.runId, path()] as const),
    async ([run, wanted]) => {
      const folder = wanted.slice(0, Math.max(0, wanted.lastIndexOf("/")));
      const found = await listFolder(run, folder).catch(() => []);
      return found.find((artifact) => artifact.path === wanted);
    },
  );
  const chosen = createMemo(() =>
    path() ? [told(), looked.value()].find((artifact) => artifact?.path === path()) : ROOT,
  );
  return (
    <div class="artifacts">
      <div>
        <input
          type="search"
          aria-label="Find files"
          placeholder="Find files"
          data-search
          value={words()}
          onInput={(event) => setWords(event.currentTarget.value)}
        />
        <Show
          when={words().trim()}
          fallback={<FileTree runId={props.runId} chosen={path()} choose={choose} />}
        >
          {(text) => (
            <FileSearch runId={props.runId} words={text()} chosen={path()} choose={choose} />
          )}
        </Show>
        <a class="button" href={zipUrl(props.runId, "")} download="">
          Download all as zip
        </a>
      </div>
      <Show
        when={chosen()}
        fallback={
          <p class="empty">{looked.loading() ? "Loading…" : `There is no artifact ${path()}.`}</p>
        }
      >
        {(artifact) => <Chosen {...props} artifact={artifact()} choose={choose} />}
      </Show>
    </div>
  );
}

function Chosen(props: {
  runId: string;
  isRunning: boolean;
  artifact: Artifact;
  choose: (artifact: Artifact) => void;
}) {
  // Another file, or another content of it, is another preview.
  const content = () => `${props.runId} ${props.artifact.path} ${props.artifact.sha256}`;
  return (
    <section class="preview" aria-label={`Preview of ${props.artifact.name || "all artifacts"}`}>
      <div class="bar">
        <h2>{props.artifact.path || "All artifacts"}</h2>
        <Show
          when={!props.artifact.isFolder}
          fallback={
            <Show when={props.artifact.path}>
              {(path) => (
                <a class="button" href={zipUrl(props.runId, path())} download="">
                  Download as zip
                </a>
              )}
            </Show>
          }
        >
          <span class="hint">{bytes(props.artifact.size)}</span>
          <a
            class="button"
            href={fileUrl(props.runId, props.artifact.path)}
            download={props.artifact.name}
          >
            Download
          </a>
        </Show>
      </div>
      <Show
        when={!props.artifact.isFolder}
        fallback={
          <Show when={content()} keyed>
            <FolderView runId={props.runId} path={props.artifact.path} choose={props.choose} />
          </Show>
        }
      >
        <SeriesSteps runId={props.runId} artifact={props.artifact} choose={props.choose} />
        <Show when={content()} keyed>
          <FilePreview runId={props.runId} artifact={props.artifact} isRunning={props.isRunning} />
        </Show>
      </Show>
    </section>
  );
}
