// What a newcomer needs to log the first run.

import { Show } from "solid-js";
import { httpUri, trackingUri } from "../api/experiments";
import { CodeLines } from "./CodeLines";
import { createLoaded } from "./loaded";

export default function FirstRun(props: { experiment?: string | undefined }) {
  const uri = createLoaded(() => true, trackingUri);
  const lines = (at: string) =>
    [
      "import runstream",
      "",
      `runstream.set_tracking_uri(${JSON.stringify(at)})`,
      ...(props.experiment
        ? [`runstream.set_experiment(${JSON.stringify(props.experiment)})`]
        : []),
      'runstream.log_metric("loss", 0.5, step=1)',
    ].join("\n");
  return (
    <section class="empty">
      <h2>No runs yet</h2>
      <p>These lines log the first one, and it appears here at once:</p>
      <Show when={uri.value()}>
        {(at) => <CodeLines text={lines(at())} label="Log a first run" />}
      </Show>
      <p>
        MLflow's clients log here, too: <code>mlflow.set_tracking_uri("{httpUri()}")</code>
      </p>
    </section>
  );
}
