// What previews of all kinds are given.

import { onCleanup } from "solid-js";
import type { Artifact } from "../api/artifacts";
import { createLoaded } from "../parts/loaded";
import type { Question, Questions } from "../render/fileQuestions";
import { type OpenFile, openFile } from "../render/openFile";

export interface ShownFile {
  runId: string;
  artifact: Artifact;
  /** Whether the run goes on, so that the file may be replaced by a longer one. */
  isRunning?: boolean;
  /** Whether it is one of many in sight: what is for looking at it closely is left out. */
  isSmall?: boolean;
}

/** Returns a file that is open as long as the component that shows it. */
export function createOpenFile(props: ShownFile): OpenFile {
  const file = openFile(props.runId, props.artifact);
  onCleanup(file.close);
  return file;
}

/** Asks one thing of a file. */
export function createAnswer<Kind extends Question>(
  props: ShownFile,
  kind: Kind,
  wanted: Questions[Kind][0],
) {
  const file = createOpenFile(props);
  return createLoaded(
    () => [props.runId, props.artifact.path, props.artifact.sha256],
    () => file.ask(kind, wanted),
  );
}
