"""Which experiments a caller sees, as a condition in SQL, and what they may do with one.

An experiment that a caller does not see, and all that belongs to it, is answered like one that is
not there. Admins see all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from peewee import fn

from runstream.errors import PermissionDenied
from runstream_service.access.caller import Caller, GrantRole, ServerRole
from runstream_service.engine.statements import (
    ANY_IDS,
    ANY_TEXTS,
    LockingStatement,
    Statement,
    array_of,
    in_texts,
)
from runstream_service.engine.tables import Grant

_GRANTED = Statement(Grant.select(Grant.experiment).distinct().where(Grant.grantee.in_(ANY_TEXTS)))
_ROLE = Statement(
    Grant.select(fn.MAX(Grant.role)).where((Grant.experiment == 0) & Grant.grantee.in_(ANY_TEXTS))
)
_ROLES = Statement(
    Grant.select(Grant.experiment, fn.MAX(Grant.role))
    .where(Grant.experiment.in_(ANY_IDS) & Grant.grantee.in_(ANY_TEXTS))
    .group_by(Grant.experiment)
)


def visible(caller: Caller, experiment: Any) -> list[Any]:
    """Return the conditions on a column with ids of experiments, for a query that is composed."""
    return granted(caller, experiment, GrantRole.READER)


def granted(caller: Caller, experiment: Any, needed: GrantRole) -> list[Any]:
    """Return what `visible` does, of experiments on which the caller has at least this role."""
    if caller.is_admin:
        return []
    grants = Grant.select(Grant.experiment).where(
        Grant.grantee.in_(in_texts(caller.grantees)) & (Grant.role >= needed)
    )
    return [experiment.in_(grants)]


def visible_experiments(
    caller: Caller, experiments: Sequence[int] | None = None
) -> Sequence[int] | None:
    """Return which of some experiments, or of all, a caller sees, by internal ids.

    Returns:
        Those of the list, in its order, without those that the caller does not see; None, if no
        list was given and they see all.
    """
    if caller.is_admin:
        return experiments
    seen = [row[0] for row in _GRANTED.rows(array_of(caller.grantees))]
    if experiments is None:
        return seen
    those = set(seen)
    return [experiment for experiment in experiments if experiment in those]


class VisibleStatement:
    """A statement that gives only rows of experiments that the caller sees."""

    def __init__(
        self, query: Any, experiment: Any, *, lock: bool = False, shared: bool = False
    ) -> None:
        """Declare the query.

        Args:
            query: a SELECT without LIMIT, and without values after its WHERE.
            experiment: the column of its rows with the id of their experiment.
            lock: whether its rows are locked until the commit, as by `LockingStatement`.
            shared: whether others may lock the rows in this way, too.
        """
        kind: Callable[[Any], Statement] = (
            partial(LockingStatement, shared=shared) if lock else Statement
        )
        grant = Grant.alias()
        grants = grant.select(grant.experiment).where(
            (grant.experiment == experiment) & grant.grantee.in_(ANY_TEXTS)
        )
        self._of_all = kind(query)
        self._of_granted = kind(query.where(fn.EXISTS(grants)))

    def first(self, caller: Caller, *values: Any) -> tuple[Any, ...] | None:
        """Return the first row that it gives for these values, or None."""
        if caller.is_admin:
            return self._of_all.first(*values)
        return self._of_granted.first(*values, array_of(caller.grantees))

    def rows(self, caller: Caller, *values: Any) -> list[tuple[Any, ...]]:
        """Return all rows that it gives for these values."""
        if caller.is_admin:
            return self._of_all.rows(*values)
        return self._of_granted.rows(*values, array_of(caller.grantees))

    def models(self, caller: Caller, model: Any, *values: Any) -> list[Any]:
        """Return the rows as objects of a table."""
        if caller.is_admin:
            return self._of_all.models(model, *values)
        return self._of_granted.models(model, *values, array_of(caller.grantees))


def role_on(caller: Caller, experiment: int) -> int | None:
    """Return the role of a caller on an experiment; None, if they do not see it."""
    if caller.is_admin:
        return GrantRole.OWNER
    found = _ROLE.first(experiment, array_of(caller.grantees))
    return found[0] if found else None


def allowed_roles(caller: Caller, experiments: Sequence[int]) -> dict[int, GrantRole]:
    """Return what a caller may do with experiments that they see, by internal ids.

    Unlike `role_on` it says no more than their role on the server allows.
    """
    if caller.is_admin:
        return dict.fromkeys(experiments, GrantRole.OWNER)
    if caller.role is ServerRole.READER:
        return dict.fromkeys(experiments, GrantRole.READER)
    found = _ROLES.rows(array_of(experiments), array_of(caller.grantees))
    return {experiment: GrantRole(role) for experiment, role in found}


class KnownRoles:
    """The roles that a transaction has looked up: its many batches of one caller take one look."""

    def __init__(self) -> None:
        self._roles: dict[tuple[Caller, int], int | None] = {}

    def role_on(self, caller: Caller, experiment: int) -> int | None:
        """Return what `role_on` does, as it was in this transaction."""
        if caller.is_admin:
            return GrantRole.OWNER
        key = caller, experiment
        if key not in self._roles:
            self._roles[key] = role_on(caller, experiment)
        return self._roles[key]

    def clear(self) -> None:
        """Look all roles up again, because a transaction has ended."""
        self._roles.clear()


def check_role(caller: Caller, experiment: int, needed: GrantRole) -> None:
    """Check that a caller may do something with an experiment that they see.

    Raises:
        PermissionDenied: their role on the experiment, or on this server, is too low.
    """
    if not caller.is_admin:
        check_known_role(caller, experiment, role_on(caller, experiment), needed)


def check_known_role(caller: Caller, experiment: int, role: int | None, needed: GrantRole) -> None:
    """Check what `check_role` does, of a caller whose role was looked up before."""
    if needed > GrantRole.READER:
        check_writer(caller)
    if role is None or role < needed:
        has = GrantRole(role).name.lower() if role else "no role"
        raise PermissionDenied(
            f"{caller.name!r} has {has} on experiment {experiment}, and this takes "
            f"{needed.name.lower()}",
            reason="ROLE_TOO_LOW",
            field="experiment_id",
            value=experiment,
            limit=needed.name.lower(),
        )


def check_writer(caller: Caller) -> None:
    """Check that a caller may write on this server at all; raises PermissionDenied."""
    _check_server_role(caller, ServerRole.WRITER)


def check_admin(caller: Caller) -> None:
    """Check that a caller may do what concerns the whole server; raises PermissionDenied."""
    _check_server_role(caller, ServerRole.ADMIN)


def _check_server_role(caller: Caller, needed: ServerRole) -> None:
    if caller.role < needed:
        raise PermissionDenied(
            f"{caller.name!r} is a {caller.role.name.lower()} on this server, and this takes "
            f"{needed.name.lower()}",
            reason="ROLE_TOO_LOW",
            field="role",
            value=caller.role.name.lower(),
            limit=needed.name.lower(),
        )
