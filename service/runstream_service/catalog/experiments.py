"""Experiments: created on the writer's thread, and read on a reader's.

`experiment_updates` changes them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from runstream.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
    shorten,
)
from runstream_service.access.caller import Caller, GrantRole
from runstream_service.access.visibility import VisibleStatement, check_role
from runstream_service.catalog.artifact_locations import resolve_location
from runstream_service.engine import applied_writes, reading
from runstream_service.engine.applied_writes import WriteId
from runstream_service.engine.budget import ANSWER_BYTES, Budget, TooLargeError
from runstream_service.engine.clock import now
from runstream_service.engine.numbers import parse_number
from runstream_service.engine.statements import (
    ANY_IDS,
    LockingStatement,
    Statement,
    array_of,
    in_ids,
)
from runstream_service.engine.tables import Experiment, ExperimentTag

Pair = tuple[str, str]

_ID = re.compile(r"-?[0-9]+")
_NO_ID = -1
_OF_ID = Experiment.select().where((Experiment.id == 0) & ~Experiment.purging)
_SELECT = Statement(_OF_ID)
_LOCK = LockingStatement(_OF_ID)
_SHARE = VisibleStatement(_OF_ID, Experiment.id, lock=True, shared=True)
_SELECT_TAGS = Statement(
    ExperimentTag.select(ExperimentTag.experiment, ExperimentTag.key, ExperimentTag.value)
    .where(ExperimentTag.experiment.in_(ANY_IDS))
    .order_by(ExperimentTag.experiment, ExperimentTag.key)
)

# Experiments that one statement reads for a page.
_MAX_EXPERIMENTS = 100


def create(
    name: str, artifact_location: str, tags: Sequence[Pair], write: WriteId | None = None
) -> Experiment:
    """Create an experiment; without a location its artifacts are kept by the server (R6).

    A creation that is repeated returns the experiment that it created (P3).

    Raises:
        InvalidArgument: as `resolve_location`.
        AlreadyExists: the name is taken, maybe by a deleted experiment (E2).
    """
    artifact_location = resolve_location(artifact_location)
    taken = Experiment.get_or_none(Experiment.name == name)
    if taken is not None:
        if applied_writes.to_experiment.was_applied(taken.id, write):
            return taken
        raise _name_taken_error(taken)
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
        upsert_tag(experiment, key, value)
    applied_writes.to_experiment.record(experiment.id, write)
    return experiment


def get(experiment_id: str) -> Experiment:
    """Return an experiment, active or deleted.

    Raises:
        InvalidArgument: the id is not of the form of one.
        NotFound: there is none of this id.
    """
    return _find(_SELECT, experiment_id)


def lock(experiment_id: str) -> Experiment:
    """Return what `get` does, of one that is to be changed: it is locked until the commit."""
    return _find(_LOCK, experiment_id)


def _find(select: Statement, experiment_id: str) -> Experiment:
    found = select.models(Experiment, _parse_id(experiment_id))
    if found:
        return found[0]
    raise _not_found_error(experiment_id)


def _not_found_error(experiment_id: str) -> NotFound:
    return NotFound(
        f"No Experiment with id={experiment_id} exists",
        reason="EXPERIMENT_NOT_FOUND",
        field="experiment_id",
        value=experiment_id,
    )


def get_active(experiment_id: str) -> Experiment:
    """Return an experiment that can be written to.

    Raises:
        NotFound: there is none of this id.
        FailedPrecondition: it is deleted.
    """
    return _check_active(get(experiment_id))


def lock_active(experiment_id: str) -> Experiment:
    """Return what `get_active` does, of one that is to be changed: it is locked."""
    return _check_active(lock(experiment_id))


def keep_active(caller: Caller, experiment_id: str) -> Experiment:
    """Return what `get_active` does, of one that nobody can change or delete until the commit.

    Raises:
        NotFound, FailedPrecondition: as `get_active`; NotFound also if the caller does not see it.
        PermissionDenied: the caller may not write to it.
    """
    found = _SHARE.models(caller, Experiment, _parse_id(experiment_id))
    if not found:
        raise _not_found_error(experiment_id)
    check_role(caller, found[0].id, GrantRole.WRITER)
    return _check_active(found[0])


def _check_active(experiment: Experiment) -> Experiment:
    if experiment.deleted:
        raise FailedPrecondition(
            f"The experiment {experiment.id} must be in the 'active' state, it is deleted",
            reason="EXPERIMENT_DELETED",
            field="experiment_id",
            value=experiment.id,
        )
    return experiment


def get_with_tags(experiment_id: str) -> tuple[Experiment, list[Pair]]:
    """Return what `get` returns, with its tags."""
    return _with_tags(get(experiment_id))


def get_by_name_with_tags(name: str) -> tuple[Experiment, list[Pair]]:
    """Return the experiment of a name, active or deleted, with its tags.

    Raises:
        NotFound: there is none of this name.
    """
    experiment = Experiment.get_or_none((Experiment.name == name) & ~Experiment.purging)
    if experiment is None:
        raise NotFound(
            f"Could not find experiment with name '{name}'",
            reason="EXPERIMENT_NOT_FOUND",
            field="experiment_name",
            value=name,
        )
    return _with_tags(experiment)


def parse_ids(experiment_ids: Sequence[str]) -> list[int]:
    """Return the internal ids of these experiments, some of which may not be there.

    Raises:
        InvalidArgument: an id is not of the form of one.
    """
    return [_parse_id(experiment_id) for experiment_id in experiment_ids]


def read_with_tags(found: Sequence[int]) -> Iterator[tuple[Experiment, list[Pair]]]:
    """Yield the experiments of these internal ids, in this order, with their tags.

    Raises:
        ResourceExhausted: the tags of one are too large.
    """
    start, count = 0, _MAX_EXPERIMENTS
    while start < len(found):
        reading.check()
        ids = found[start : start + count]
        experiments = {e.id: e for e in Experiment.select().where(Experiment.id.in_(in_ids(ids)))}
        try:
            tags = _tags(ids)
        except TooLargeError:
            if count == 1:
                raise _too_large_error(ids[0]) from None
            count = max(1, count // 10)
            continue
        start, count = start + count, min(2 * count, _MAX_EXPERIMENTS)
        yield from ((experiments[number], tags[number]) for number in ids)


def _parse_id(experiment_id: str) -> int:
    """Return the internal id; a number that SQLite cannot hold is that of none."""
    if not _ID.fullmatch(experiment_id):
        raise InvalidArgument(
            f"Invalid experiment ID '{shorten(experiment_id)}'. "
            "Experiment ID must be a valid integer.",
            reason="EXPERIMENT_ID_MALFORMED",
            field="experiment_id",
            value=experiment_id,
            limit="an integer",
        )
    return int(experiment_id) if len(experiment_id) < 19 else _NO_ID


def _with_tags(experiment: Experiment) -> tuple[Experiment, list[Pair]]:
    try:
        return experiment, _tags([experiment.id])[experiment.id]
    except TooLargeError:
        raise _too_large_error(experiment.id) from None


def _tags(experiments: Sequence[int]) -> dict[int, list[Pair]]:
    tags: dict[int, list[Pair]] = {number: [] for number in experiments}
    rows = _SELECT_TAGS.stream(array_of(experiments))
    for number, *pair in Budget().fetch_all(rows, 1, 2):
        tags[number].append((pair[0], pair[1]))
    return tags


def _too_large_error(experiment: int) -> ResourceExhausted:
    return ResourceExhausted(
        f"The tags of experiment {experiment} take more than an answer can hold, which is "
        f"{ANSWER_BYTES} bytes",
        reason="EXPERIMENT_TOO_LARGE",
        field="experiment_id",
        value=experiment,
        limit=ANSWER_BYTES,
    )


def upsert_tag(experiment: Experiment, key: str, value: str) -> None:
    """Set a tag, whatever it was."""
    tag = {"experiment": experiment, "key": key, "value": value, "number": parse_number(value)}
    ExperimentTag.insert(tag).on_conflict(
        conflict_target=[ExperimentTag.experiment, ExperimentTag.key],
        preserve=[ExperimentTag.value, ExperimentTag.number],
    ).execute()


def check_name_is_free(name: str) -> None:
    """Raise AlreadyExists if an experiment has the name."""
    taken = Experiment.get_or_none(Experiment.name == name)
    if taken is not None:
        raise _name_taken_error(taken)


def _name_taken_error(taken: Experiment) -> AlreadyExists:
    state = "deleted" if taken.deleted else "active"
    return AlreadyExists(
        f"Experiment(name={taken.name}) already exists, in the {state} state",
        reason="EXPERIMENT_EXISTS",
        field="name",
        value=taken.name,
        experiment_id=taken.id,
    )
