// Sound and moving pictures: the browser asks for the parts that it plays.

import { fileUrl } from "../api/artifacts";
import type { ShownFile } from "./shownFile";

export function AudioPlayer(props: ShownFile) {
  return (
    // biome-ignore lint/a11y/useMediaCaption: nobody wrote captions for what a run stored
    <audio
      controls
      preload="metadata"
      src={fileUrl(props.runId, props.artifact.path)}
      aria-label={props.artifact.name}
    />
  );
}

export function VideoPlayer(props: ShownFile) {
  return (
    // biome-ignore lint/a11y/useMediaCaption: as above
    <video
      controls
      preload="metadata"
      src={fileUrl(props.runId, props.artifact.path)}
      aria-label={props.artifact.name}
    />
  );
}
