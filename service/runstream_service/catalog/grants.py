"""Grants on experiments: set and deleted on the writer's thread, and listed on a reader's."""

from __future__ import annotations

from typing import NamedTuple

from peewee import fn

from runstream.errors import FailedPrecondition, NotFound
from runstream_service.access.caller import Caller, GrantRole
from runstream_service.access.visibility import allowed_roles
from runstream_service.catalog import experiments
from runstream_service.engine import applied_writes
from runstream_service.engine.applied_writes import WriteId
from runstream_service.engine.statements import Statement
from runstream_service.engine.tables import Grant

#: An experiment has at most so many grants.
MAX_GRANTS = 1_000

_OF_EXPERIMENT = Statement(
    Grant.select(Grant.grantee, Grant.role).where(Grant.experiment == 0).order_by(Grant.grantee)
)
_OTHERS = Statement(
    Grant.select(fn.COUNT(Grant.grantee)).where((Grant.experiment == 0) & (Grant.grantee != ""))
)
_UPSERT = Statement(
    Grant.insert_many([(0, "", 0)], [Grant.experiment, Grant.grantee, Grant.role]).on_conflict(
        conflict_target=[Grant.experiment, Grant.grantee], preserve=[Grant.role]
    )
)
_DELETE = Statement(Grant.delete().where((Grant.experiment == 0) & (Grant.grantee == "")))


class Granted(NamedTuple):
    """What a user or a group may do with an experiment; the grantee as in the table `Grant`."""

    experiment: int
    grantee: str
    role: GrantRole


def set_role(
    caller: Caller, experiment_id: str, grantee: str, role: GrantRole, write: WriteId | None
) -> None:
    """Grant a role on an experiment, in place of the one that the grantee has.

    Raises:
        InvalidArgument: the id is not of the form of one.
        NotFound: there is no experiment of this id that the caller sees.
        PermissionDenied: the caller is no owner of it.
        FailedPrecondition: it has too many grants.
    """
    experiment = experiments.lock(caller, experiment_id, GrantRole.OWNER).id
    if applied_writes.to_experiment.was_applied(experiment, write):
        return
    others = _OTHERS.first(experiment, grantee)
    if others is not None and others[0] >= MAX_GRANTS:
        raise FailedPrecondition(
            f"Experiment {experiment} has {MAX_GRANTS:,} grants; grant to a group instead",
            reason="GRANTS_TOO_MANY",
            field="grantee",
            value=grantee,
            limit=MAX_GRANTS,
        )
    applied_writes.to_experiment.record(experiment, write)
    _UPSERT.run(experiment, grantee, role)


def delete(caller: Caller, experiment_id: str, grantee: str, write: WriteId | None) -> None:
    """Take a role on an experiment from a user or a group.

    Raises:
        InvalidArgument, NotFound, PermissionDenied: as `set_role`; NotFound also if they have none.
    """
    experiment = experiments.lock(caller, experiment_id, GrantRole.OWNER).id
    if applied_writes.to_experiment.was_applied(experiment, write):
        return
    if not _DELETE.run(experiment, grantee):
        raise NotFound(
            f"{grantee} has no grant on experiment {experiment}",
            reason="GRANT_NOT_FOUND",
            field="grantee",
            value=grantee,
        )
    applied_writes.to_experiment.record(experiment, write)


def of_experiment(caller: Caller, experiment_id: str) -> tuple[list[Granted], GrantRole]:
    """Return the grants on an experiment, by grantee, and the role of the caller on it.

    Raises:
        InvalidArgument: the id is not of the form of one.
        NotFound: there is no experiment of this id that the caller sees.
    """
    experiment = experiments.get(caller, experiment_id).id
    granted = [
        Granted(experiment, grantee, GrantRole(role))
        for grantee, role in _OF_EXPERIMENT.rows(experiment)
    ]
    return granted, allowed_roles(caller, [experiment])[experiment]
