"""Experiments are created here, on the writer's thread, and their names are kept unique (E2)."""

from __future__ import annotations

from collections.abc import Sequence

from runstream.errors import AlreadyExists, PermissionDenied, RunstreamError
from runstream_service.access.caller import Caller, GrantRole
from runstream_service.access.visibility import check_writer
from runstream_service.catalog import experiments
from runstream_service.catalog.artifact_locations import resolve_location
from runstream_service.engine import applied_writes
from runstream_service.engine.applied_writes import WriteId
from runstream_service.engine.clock import now
from runstream_service.engine.statements import Statement
from runstream_service.engine.tables import Experiment, Grant

_OF_NAME = Statement(Experiment.select(Experiment.id).where(Experiment.name == ""))


def create(
    caller: Caller,
    name: str,
    artifact_location: str,
    tags: Sequence[experiments.Pair],
    write: WriteId | None = None,
) -> Experiment:
    """Create an experiment, whose owner is the caller.

    Without a location its artifacts are kept by the server (R6). A creation that is repeated
    returns the experiment that it created (P3).

    Raises:
        PermissionDenied: the caller may not write on this server, or does not see the experiment
            that has the name.
        InvalidArgument: as `resolve_location`.
        AlreadyExists: the name is taken, maybe by a deleted experiment (E2).
    """
    check_writer(caller)
    artifact_location = resolve_location(artifact_location)
    taken = Experiment.get_or_none(Experiment.name == name)
    if taken is not None:
        is_seen = experiments.is_visible(caller, taken.id)
        if is_seen and applied_writes.to_experiment.was_applied(taken.id, write):
            return taken
        raise _name_taken_error(taken, is_seen=is_seen)
    return insert(caller, name, artifact_location, tags, write)


def insert(
    caller: Caller,
    name: str,
    artifact_location: str = "",
    tags: Sequence[experiments.Pair] = (),
    write: WriteId | None = None,
) -> Experiment:
    """Do what `create` does, once it is sure that the caller may, and that no other has the name.

    If another server has created one of this name meanwhile, the database says so, and the
    transaction is run again.
    """
    created = now()
    experiment = Experiment.create(
        name=name,
        artifact_location=artifact_location,
        creation_time=created,
        last_update_time=created,
    )
    if not artifact_location:
        experiment.artifact_location = f"mlflow-artifacts:/{experiment.id}"
        experiment.save()
    for key, value in tags:
        experiments.upsert_tag(experiment, key, value)
    if caller.name:
        Grant.create(experiment=experiment, grantee=caller.grantees[0], role=GrantRole.OWNER)
    applied_writes.to_experiment.record(experiment.id, write)
    return experiment


def find_active(caller: Caller, name: str) -> experiments.ActiveExperiment | None:
    """Return the experiment of a name, to which is written, and which stays as it is until then.

    Returns:
        None, if there is none, and the caller may create it.

    Raises:
        PermissionDenied: the caller may not write to it, or on this server, or does not see the
            experiment that has the name.
        FailedPrecondition: it is deleted.
    """
    check_writer(caller)
    taken = _OF_NAME.first(name)
    if taken is None:
        return None
    if not experiments.is_visible(caller, taken[0]):
        raise _hidden_name_error(name)
    return experiments.keep_active(caller, str(taken[0]))


def check_name_is_free(caller: Caller, name: str) -> None:
    """Check that no experiment has the name, whoever sees it.

    Raises:
        AlreadyExists: one has it, maybe a deleted one (E2).
        PermissionDenied: one has it that the caller does not see.
    """
    taken = Experiment.get_or_none(Experiment.name == name)
    if taken is not None:
        raise _name_taken_error(taken, is_seen=experiments.is_visible(caller, taken.id))


def _hidden_name_error(name: str) -> PermissionDenied:
    # Names are unique; nothing but that is told. ALREADY_EXISTS would make clients look for the
    # experiment by its name, and MLflow's then log to another one, `Default`.
    return PermissionDenied(
        f"The name {name!r} is that of an experiment that you do not see: ask its owner "
        "or an admin for a grant on it, or choose another name",
        reason="EXPERIMENT_NAME_TAKEN",
        field="name",
        value=name,
    )


def _name_taken_error(taken: Experiment, *, is_seen: bool) -> RunstreamError:
    if not is_seen:
        return _hidden_name_error(taken.name)
    state = "deleted" if taken.deleted else "active"
    return AlreadyExists(
        f"Experiment(name={taken.name}) already exists, in the {state} state",
        reason="EXPERIMENT_EXISTS",
        field="name",
        value=taken.name,
        experiment_id=taken.id,
    )
