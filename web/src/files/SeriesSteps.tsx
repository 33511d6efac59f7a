// A slider through the steps of a series, above the preview of one of its files.

import { createMemo, Show } from "solid-js";
import { type Artifact, listFolder } from "../api/artifacts";
import { createLoaded } from "../parts/loaded";
import { filesOfSeries, seriesFile } from "./series";

export function SeriesSteps(props: {
  runId: string;
  artifact: Artifact;
  choose: (artifact: Artifact) => void;
}) {
  const folder = () => props.artifact.path.slice(0, -props.artifact.name.length - 1);
  const files = createLoaded(
    () => seriesFile(props.artifact.name) && ([props.runId, folder()] as const),
    ([run, path]) => listFolder(run, path),
  );
  const series = createMemo(() => filesOfSeries(files.value() ?? [], props.artifact.name));
  const position = () => series().findIndex(({ path }) => path === props.artifact.path);
  return (
    <Show when={seriesFile(props.artifact.name)}>
      {(file) => (
        <label class="bar">
          {file().key}, step {String(file().step)}
          <Show when={series().length > 1}>
            <input
              type="range"
              aria-label={`Step of ${file().key}`}
              aria-valuetext={`Step ${file().step}`}
              min={0}
              max={series().length - 1}
              value={position()}
              onInput={(event) => {
                const chosen = series()[event.currentTarget.valueAsNumber];
                if (chosen) props.choose(chosen);
              }}
            />
            <span class="hint">
              {position() + 1} of {series().length}
            </span>
          </Show>
        </label>
      )}
    </Show>
  );
}
