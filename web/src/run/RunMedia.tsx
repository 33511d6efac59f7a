// What a run logged by step.

import type { Run } from "../api/runs";
import MediaPanels from "../files/MediaPanels";

export default function RunMedia(props: { run: Run }) {
  const { id, name } = props.run;
  return <MediaPanels runs={[{ id, name, isRunning: props.run.end === null }]} />;
}
