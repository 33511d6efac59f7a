"""Experiments: read on a reader's thread, or locked on the writer's.

`experiment_creation` creates them, and `experiment_updates` changes them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from runstream.errors import (
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
    shorten,
)
from runstream_service.access.caller import Caller, GrantRole
from runstream_service.access.visibility import (
    VisibleStatement,
    allowed_roles,
    check_role,
    visible,
    visible_experiments,
)
from runstream_service.engine import reading
from runstream_service.engine.budget import ANSWER_BYTES, Budget, TooLargeError
from runstream_service.engine.numbers import parse_number
from runstream_service.engine.statements import ANY_IDS, Statement, array_of, in_ids
from runstream_service.engine.tables import Experiment, ExperimentTag

Pair = tuple[str, str]

_ID = re.compile(r"-?[0-9]+")
_NO_ID = -1
_OF_ID = Experiment.select().where((Experiment.id == 0) & ~Experiment.purging)
_SELECT = VisibleStatement(_OF_ID, Experiment.id)
_LOCK = VisibleStatement(_OF_ID, Experiment.id, lock=True)
_IS_DELETED = Statement(Experiment.select(Experiment.deleted).where(Experiment.id == 0))
_SHARE = VisibleStatement(
    Experiment.select(Experiment.id, Experiment.artifact_location, Experiment.deleted).where(
        (Experiment.id == 0) & ~Experiment.purging
    ),
    Experiment.id,
    lock=True,
    shared=True,
)
_SELECT_TAGS = Statement(
    ExperimentTag.select(ExperimentTag.experiment, ExperimentTag.key, ExperimentTag.value)
    .where(ExperimentTag.experiment.in_(ANY_IDS))
    .order_by(ExperimentTag.experiment, ExperimentTag.key)
)

# Experiments that one statement reads for a page.
_MAX_EXPERIMENTS = 100


class ActiveExperiment(NamedTuple):
    """What a new run needs to know of its experiment: the internal id, and where artifacts are."""

    id: int
    artifact_location: str


# Of the transaction under way: what `keep_active` has found for starts of runs, by caller and by
# id or name. Many runs that start at once are mostly of one experiment.
_kept: dict[tuple[Caller, str, str], ActiveExperiment] = {}


class DescribedExperiment(NamedTuple):
    """An experiment, its tags by key, and what somebody may do with it."""

    row: Experiment
    tags: list[Pair]
    role: GrantRole


def get(caller: Caller, experiment_id: str) -> Experiment:
    """Return an experiment, active or deleted.

    Raises:
        InvalidArgument: the id is not of the form of one.
        NotFound: there is none of this id that the caller sees.
    """
    return _find(_SELECT, caller, experiment_id)


def is_visible(caller: Caller, experiment: int) -> bool:
    """Return whether a caller sees an experiment, by its internal id."""
    return _SELECT.first(caller, experiment) is not None


def are_visible(caller: Caller, experiments: Collection[int]) -> bool:
    """Return whether a caller sees all of these experiments."""
    return len(visible_experiments(caller, list(experiments)) or ()) == len(experiments)


def lock(caller: Caller, experiment_id: str, needed: GrantRole) -> Experiment:
    """Return what `get` does, of one that is to be changed: it is locked until the commit.

    Args:
        caller: who changes it.
        experiment_id: its id.
        needed: the role on it that this takes.

    Raises:
        InvalidArgument, NotFound: as `get`.
        PermissionDenied: the role of the caller is too low.
    """
    forget_kept()
    return _find(_LOCK, caller, experiment_id, needed)


def _find(
    select: VisibleStatement,
    caller: Caller,
    experiment_id: str,
    needed: GrantRole = GrantRole.READER,
) -> Experiment:
    found: list[Experiment] = select.models(caller, Experiment, _parse_id(experiment_id))
    if found:
        if needed > GrantRole.READER:
            check_role(caller, found[0].id, needed)
        return found[0]
    raise not_found_error(experiment_id)


def not_found_error(experiment_id: str) -> NotFound:
    """Return the error that says that there is no such experiment (X3)."""
    hint = "" if experiment_id != "0" else ", or you do not see it: runs that name none are in it"
    return NotFound(
        f"No Experiment with id={experiment_id} exists{hint}",
        reason="EXPERIMENT_NOT_FOUND",
        field="experiment_id",
        value=experiment_id,
    )


def lock_active(caller: Caller, experiment_id: str, needed: GrantRole) -> Experiment:
    """Return what `lock` does.

    Raises:
        InvalidArgument, NotFound, PermissionDenied: as `lock`.
        FailedPrecondition: it is deleted.
    """
    experiment = lock(caller, experiment_id, needed)
    _check_stage(experiment.id, is_deleted=experiment.deleted)
    return experiment


def keep_active(caller: Caller, experiment_id: str) -> ActiveExperiment:
    """Return an experiment to which is written, and which stays as it is until the commit.

    Raises:
        InvalidArgument, NotFound, PermissionDenied, FailedPrecondition: as `lock_active`.
    """
    # No object of Peewee: making one takes as long as it takes to write a new run.
    row = _SHARE.first(caller, _parse_id(experiment_id))
    if row is None:
        raise not_found_error(experiment_id)
    experiment, artifact_location, is_deleted = row
    check_role(caller, experiment, GrantRole.WRITER)
    _check_stage(experiment, is_deleted=bool(is_deleted))
    return ActiveExperiment(experiment, artifact_location)


def kept(caller: Caller, experiment_id: str, name: str) -> ActiveExperiment | None:
    """Return an experiment that this transaction has found by id or name, and may be written to."""
    return _kept.get((caller, experiment_id, name))


def keep(
    caller: Caller, experiment_id: str, name: str, experiment: Experiment | ActiveExperiment
) -> ActiveExperiment:
    """Have `kept` find an active experiment that `keep_active` has returned, or that is new."""
    found = ActiveExperiment(experiment.id, experiment.artifact_location)
    _kept[caller, experiment_id, name] = found
    return found


def forget_kept() -> None:
    """Look all experiments up again: the transaction has ended, or changes one."""
    _kept.clear()


def check_active(experiment: int) -> None:
    """Raise FailedPrecondition if an experiment, by its internal id, is deleted."""
    row = _IS_DELETED.first(experiment)
    _check_stage(experiment, is_deleted=row is None or bool(row[0]))


def _check_stage(experiment: int, *, is_deleted: bool) -> None:
    if is_deleted:
        raise FailedPrecondition(
            f"The experiment {experiment} must be in the 'active' state, it is deleted",
            reason="EXPERIMENT_DELETED",
            field="experiment_id",
            value=experiment,
        )


def describe(caller: Caller, experiment_id: str) -> DescribedExperiment:
    """Return what `get` returns, with its tags and the role of the caller."""
    return _describe(caller, get(caller, experiment_id))


def describe_by_name(caller: Caller, name: str) -> DescribedExperiment:
    """Return what `describe` does, for the experiment of a name, active or deleted.

    Raises:
        NotFound: there is none of this name that the caller sees.
    """
    experiment = Experiment.get_or_none(
        Experiment.name == name, ~Experiment.purging, *visible(caller, Experiment.id)
    )
    if experiment is None:
        raise NotFound(
            f"Could not find experiment with name '{name}'",
            reason="EXPERIMENT_NOT_FOUND",
            field="experiment_name",
            value=name,
        )
    return _describe(caller, experiment)


def parse_ids(experiment_ids: Sequence[str]) -> list[int]:
    """Return the internal ids of these experiments, some of which may not be there.

    Raises:
        InvalidArgument: an id is not of the form of one.
    """
    return [_parse_id(experiment_id) for experiment_id in experiment_ids]


def describe_all(caller: Caller, found: Sequence[int]) -> Iterator[DescribedExperiment]:
    """Yield what `describe` returns for these internal ids of what the caller sees, in this order.

    Raises:
        ResourceExhausted: the tags of one are too large.
    """
    roles = allowed_roles(caller, found)
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
        for number in ids:
            yield DescribedExperiment(experiments[number], tags[number], roles[number])


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


def _describe(caller: Caller, experiment: Experiment) -> DescribedExperiment:
    try:
        tags = _tags([experiment.id])[experiment.id]
    except TooLargeError:
        raise _too_large_error(experiment.id) from None
    return DescribedExperiment(
        experiment, tags, allowed_roles(caller, [experiment.id])[experiment.id]
    )


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
