"""Batches that say of a run something else than points, params and tags: that it starts and ends.

Each function checks what it is given by the rules of the server, because a caller should learn at
once what is wrong, and a batch that waits for a server is refused much later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from runstream import rules
from runstream.contract import generated_names
from runstream.contract.alert_fields import to_level
from runstream.contract.messages import new_message
from runstream.contract.params_and_tags import to_texts
from runstream.contract.run_names import choose_name
from runstream.errors import InvalidArgument
from runstream.v1.alert_pb2 import LoggedAlert
from runstream.v1.logging_service_pb2 import LogBatchRequest, RunStart, RunUpdate
from runstream.v1.run_pb2 import (
    DatasetInput,
    ModelOutput,
    RunStatus,
    RunTag,
)

#: What stands before the name of an experiment where MLflow's functions want an id, and there is no
#: server that can be asked for it. No id begins with it.
NAME_PREFIX = "name:"


class ExperimentChoice(NamedTuple):
    """The experiment that a run is to belong to; "0" if neither is set.

    Attributes:
        experiment_id: its id; or
        name: its name, where nobody has asked a server for the id.
    """

    experiment_id: str = ""
    name: str = ""

    @classmethod
    def of_id(cls, experiment_id: str) -> ExperimentChoice:
        """Return the experiment that an id, or `NAME_PREFIX` and a name, stands for."""
        if experiment_id.startswith(NAME_PREFIX):
            return cls(name=experiment_id[len(NAME_PREFIX) :])
        return cls(experiment_id)


def start_batch(
    run_id: str,
    experiment: ExperimentChoice,
    start_time: int,
    tags: Mapping[str, object],
    run_name: str | None,
    user_id: str | None,
) -> LogBatchRequest:
    """Return the batch that creates a run whose heartbeats the caller sends.

    Args:
        run_id: its id (R1), made at random, so that it decides a new name, too.
        experiment: where it belongs; an experiment that is named is created if there is none.
        start_time: milliseconds since the epoch.
        tags: tags to set.
        run_name: name for people; that of the tag, or a new one, if left out (R3).
        user_id: who starts it.

    Raises:
        InvalidArgument: something breaks its rule, or the name and its tag differ.
    """
    texts = to_texts("tags", tags)
    name = choose_name(run_name or "", texts)
    start = new_message(
        RunStart,
        user_id=user_id or "",
        run_name=name or generated_names.generate(int(run_id, 16)),
        start_time=start_time,
        heartbeat=True,
    )
    rules.check_text("user_id", start.user_id)
    rules.check_text("run_name", start.run_name)
    if experiment.name:
        rules.check_experiment_name("experiment_name", experiment.name)
        start.experiment_name = experiment.name
    else:
        start.experiment_id = str(experiment.experiment_id) or "0"
    return LogBatchRequest(run_id=run_id, start=start, tags=_to_tags(texts))


def update_batch(
    run_id: str,
    status: str | None,
    end_time: int | None = None,
    *,
    run_name: str | None = None,
    tags: Mapping[str, object] | None = None,
    heartbeat: bool = False,
) -> LogBatchRequest:
    """Return the batch that ends a run, makes it RUNNING again, or gives it another name.

    Args:
        run_id: the run.
        status: its new status (R2); unchanged, if None.
        end_time: milliseconds since the epoch.
        run_name: a new name.
        tags: tags to set.
        heartbeat: whether the caller sends heartbeats from now on.

    Raises:
        InvalidArgument: something breaks its rule.
    """
    update = new_message(
        RunUpdate,
        status=to_run_status(status) if status else RunStatus.RUN_STATUS_UNSPECIFIED,
        end_time=end_time,
        run_name=run_name,
        heartbeat=heartbeat,
    )
    rules.check_text("run_name", update.run_name)
    texts = to_texts("tags", tags or {})
    return LogBatchRequest(run_id=run_id, update=update, tags=_to_tags(texts))


def deleted_tag_batch(run_id: str, key: str) -> LogBatchRequest:
    """Return the batch that deletes a tag of a run; raises InvalidArgument for a bad key."""
    rules.check_key("key", key)
    return LogBatchRequest(run_id=run_id, deleted_tags=[key])


def inputs_batch(run_id: str, datasets: Iterable[DatasetInput]) -> LogBatchRequest:
    """Return the batch that says which datasets a run read (P4).

    Raises:
        InvalidArgument: something breaks its rule.
    """
    read = list(datasets)
    for i, one in enumerate(read):
        for name in ("name", "digest", "source_type", "source", "schema", "profile"):
            field = f"datasets[{i}].dataset.{name}"
            rules.check_dataset_field(field, name, getattr(one.dataset, name))
        for tag in one.tags:
            rules.check_input_tag(f"datasets[{i}].tags", tag.key, tag.value)
    return LogBatchRequest(run_id=run_id, datasets=read)


def outputs_batch(run_id: str, models: Iterable[tuple[str, int]]) -> LogBatchRequest:
    """Return the batch that says which models a run made, each with its step.

    Raises:
        InvalidArgument: something breaks its rule.
    """
    made = [new_message(ModelOutput, model_id=model_id, step=step) for model_id, step in models]
    for i, model in enumerate(made):
        rules.check_model_id(f"models[{i}].model_id", model.model_id)
    return LogBatchRequest(run_id=run_id, model_outputs=made)


def alert_batch(run_id: str, title: str, text: str, level: object) -> LogBatchRequest:
    """Return the batch that raises an alert of a run (N2).

    Args:
        run_id: the run.
        title: what happened.
        text: more about it.
        level: `INFO`, `WARN` or `ERROR`, or an enum with such a value.

    Raises:
        InvalidArgument: something breaks its rule.
    """
    alert = new_message(LoggedAlert, title=title, text=text, level=to_level(level))
    rules.check_title("title", alert.title)
    rules.check_text("text", alert.text, rules.ALERT_TEXT_CHARACTERS)
    return LogBatchRequest(run_id=run_id, alerts=[alert])


def to_run_status(name: str) -> RunStatus.ValueType:
    """Return the number of a status; raises InvalidArgument for an unknown name."""
    if name not in RunStatus.keys()[1:]:
        raise InvalidArgument(
            f"Invalid value {name!r} for parameter 'status' supplied: "
            f"it must be one of {', '.join(RunStatus.keys()[1:])}",
            reason="STATUS_UNKNOWN",
            field="status",
            value=name,
            limit=", ".join(RunStatus.keys()[1:]),
        )
    return RunStatus.Value(name)


def _to_tags(texts: Mapping[str, str]) -> list[RunTag]:
    return [RunTag(key=key, value=value) for key, value in texts.items()]
