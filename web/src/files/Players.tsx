// Sound and moving pictures: the browser asks for the parts that it plays.

import { createSignal, Show } from "solid-js";
import { fileUrl } from "../api/artifacts";
import type { ShownFile } from "./shownFile";

export function AudioPlayer(props: ShownFile) {
  const [failed, setFailed] = createSignal(false);
  return (
    <Show when={!failed()} fallback={<p class="hint">The browser cannot play this sound.</p>}>
      {/* biome-ignore lint/a11y/useMediaCaption: nobody wrote captions for what a run stored */}
      <audio
        controls
        preload="metadata"
        src={fileUrl(props.runId, props.artifact.path)}
        aria-label={props.artifact.name}
        onError={() => setFailed(true)}
      />
    </Show>
  );
}

export function VideoPlayer(props: ShownFile) {
  const [failed, setFailed] = createSignal(false);
  return (
    <Show when={!failed()} fallback={<p class="hint">The browser cannot play this video.</p>}>
      {/* biome-ignore lint/a11y/useMediaCaption: as above */}
      <video
        controls
        preload="metadata"
        src={fileUrl(props.runId, props.artifact.path)}
        aria-label={props.artifact.name}
        onError={() => setFailed(true)}
      />
    </Show>
  );
}
