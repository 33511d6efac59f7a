// What is asked before selected runs are renamed, tagged, moved, copied, deleted, or removed for good. What is
// confirmed is about the runs of the question, whatever is selected or in sight by then.

import type { Experiment } from "../api/experiments";
import type { Run } from "../api/runs";
import { CopyRuns } from "../parts/CopyRuns";
import DeleteForGood from "../parts/DeleteForGood";
import { DeleteRuns } from "../parts/DeleteRuns";
import { FormDialog } from "../parts/FormDialog";
import { counted } from "../parts/format";
import { MoveRuns } from "../parts/MoveRuns";
import { TagRuns } from "./TagRuns";

export type Question =
  | { kind: "rename"; run: Run }
  | { kind: "tag"; ids: string[] }
  | { kind: "purge"; ids: string[] }
  /** Of those of the ids that are still there, what they are like is said. */
  | { kind: "move" | "copy" | "delete"; ids: string[]; runs: Run[] };

export function RunQuestion(props: {
  asked: Question;
  experimentId: string;
  tagKeys: string[];
  rename: (run: Run, name: string) => Promise<void>;
  move: (ids: string[], to: Experiment) => void;
  remove: (ids: string[], withChildren: boolean) => void;
  /** Called when runs were tagged. */
  changed: () => void;
  /** Called when runs are gone for good. */
  gone: (ids: string[]) => void;
  close: () => void;
}) {
  const asked = props.asked;
  if (asked.kind === "rename")
    return (
      <FormDialog
        title={`Rename ${asked.run.name}`}
        fields={[{ label: "Name", value: asked.run.name }]}
        action="Rename"
        done={([name = ""]) => props.rename(asked.run, name)}
        close={props.close}
      />
    );
  const { ids } = asked;
  if (asked.kind === "tag")
    return (
      <TagRuns ids={ids} tagKeys={props.tagKeys} changed={props.changed} close={props.close} />
    );
  if (asked.kind === "purge")
    return (
      <DeleteForGood
        title={`Delete ${counted(ids.length, "run")} for good`}
        experimentId={props.experimentId}
        runIds={ids}
        changed={() => props.gone(ids)}
        close={props.close}
      />
    );
  const about = {
    runs: ids.length,
    running: asked.runs.filter((run) => run.status === "RUNNING").length,
    children: asked.runs.reduce((sum, run) => sum + run.children, 0),
  };
  if (asked.kind === "move")
    return (
      <MoveRuns
        {...about}
        from={props.experimentId}
        move={(to) => props.move(ids, to)}
        close={props.close}
      />
    );
  if (asked.kind === "copy")
    return (
      <CopyRuns
        ids={ids}
        running={about.running}
        children={about.children}
        from={props.experimentId}
        close={props.close}
      />
    );
  return (
    <DeleteRuns
      {...about}
      remove={(withChildren) => props.remove(ids, withChildren)}
      close={props.close}
    />
  );
}
