// The status of a run, as a mark and a word.

import type { Status } from "../api/runs";

const WORDS: Record<Status, string> = {
  RUN_STATUS_UNSPECIFIED: "Unknown",
  RUNNING: "Running",
  SCHEDULED: "Scheduled",
  FINISHED: "Finished",
  FAILED: "Failed",
  KILLED: "Killed",
};
const MARKS: Partial<Record<Status, string>> = {
  RUNNING: "●",
  SCHEDULED: "◷",
  FINISHED: "✓",
  FAILED: "✕",
  KILLED: "■",
};

export function StatusMark(props: { status: Status; brief?: boolean }) {
  return (
    <span
      class={`status ${props.status.toLowerCase()}`}
      title={props.brief ? WORDS[props.status] : undefined}
    >
      <span aria-hidden="true">{MARKS[props.status] ?? "?"}</span>{" "}
      <span classList={{ unseen: props.brief ?? false }}>{WORDS[props.status]}</span>
    </span>
  );
}
