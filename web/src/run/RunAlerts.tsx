// The alerts of a run, and the rules that judge it.

import { AlertsOf } from "../alerts/AlertsOf";
import type { Run } from "../api/runs";

export default function RunAlerts(props: { run: Run; mayWrite: boolean }) {
  return (
    <AlertsOf
      experimentId={props.run.experimentId}
      runId={props.run.id}
      mayWrite={props.mayWrite}
    />
  );
}
