// What is asked before an experiment is created, renamed, deleted, or removed for good.

import { useNavigate } from "@solidjs/router";
import { createExperiment, type Experiment, renameExperiment } from "../api/experiments";
import { ConfirmDeletion } from "../parts/ConfirmDeletion";
import DeleteForGood from "../parts/DeleteForGood";
import { FormDialog } from "../parts/FormDialog";
import { count, counted } from "../parts/format";

export type Question =
  | { kind: "create" }
  | { kind: "rename" | "delete" | "purge"; experiment: Experiment };

export function ExperimentQuestion(props: {
  asked: Question;
  remove: (experiment: Experiment) => void;
  again: () => void;
  close: () => void;
}) {
  const navigate = useNavigate();
  const asked = props.asked;
  if (asked.kind === "create")
    return (
      <FormDialog
        title="New experiment"
        fields={[{ label: "Name" }]}
        action="Create"
        close={props.close}
        done={async ([name = ""]) => navigate(`/experiments/${await createExperiment(name)}`)}
      />
    );
  const { experiment } = asked;
  if (asked.kind === "purge")
    return (
      <DeleteForGood
        title={`Delete ${experiment.name} for good`}
        experimentId={experiment.id}
        experiment={experiment.name}
        changed={props.again}
        close={props.close}
      />
    );
  if (asked.kind === "delete")
    return (
      <DeleteRunning
        experiment={experiment}
        remove={() => props.remove(experiment)}
        close={props.close}
      />
    );
  return (
    <FormDialog
      title={`Rename ${experiment.name}`}
      fields={[{ label: "Name", value: experiment.name }]}
      action="Rename"
      close={props.close}
      done={async ([name = ""]) => {
        await renameExperiment(experiment.id, name);
        props.again();
      }}
    />
  );
}

function DeleteRunning(props: { experiment: Experiment; remove: () => void; close: () => void }) {
  return (
    <ConfirmDeletion
      title={`Delete ${props.experiment.name}`}
      remove={props.remove}
      close={props.close}
    >
      Its {counted(props.experiment.runs, "run")} {props.experiment.runs === 1 ? "goes" : "go"} with
      it. <strong>Running: {count(props.experiment.running)} of them.</strong> Their programs are
      not stopped. What they log from now on is refused, and the next call that logs raises that,
      which may end the trainings. Restoring the experiment lets them log again.
    </ConfirmDeletion>
  );
}
