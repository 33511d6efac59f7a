// The series for which a workspace has panels by itself: those of the first drawn runs with images.

import { createMemo } from "solid-js";
import { readFirstMedia } from "../files/mediaSeries";
import { createLoaded } from "../parts/loaded";
import type { LiveRuns } from "../runs/liveRuns";
import { fieldOf } from "./panelText";

// Set by whoever logs images by step.
const TAG = "mlflow.loggedImages";
const MOST_RUNS = 3;
const MOST_SERIES = 20;

/** Returns folder and key of each series; nothing is read before it is wanted. */
export function createMediaOfRuns(live: LiveRuns, isWanted: () => boolean): () => string[] {
  const ids = createMemo(() =>
    live
      .runs()
      .filter((run) => run.tags.has(TAG))
      .slice(0, MOST_RUNS)
      .map(({ id }) => id),
  );
  const media = createLoaded(() => isWanted() && ids().length > 0 && ids(), readFirstMedia);
  return createMemo(
    () => {
      const names = (media.latest() ?? []).map(({ folder, key }) => fieldOf([folder, key]));
      return [...new Set(names)].slice(0, MOST_SERIES);
    },
    [],
    { equals: (a, b) => a.join() === b.join() },
  );
}
