"""Which versions and registered models a caller sees, as conditions in SQL.

A version is seen with the experiment of its files. A registered model is seen by who created it,
and by who sees a version of it.
"""

from __future__ import annotations

from typing import Any

from peewee import JOIN, fn

from runstream_service.access.caller import Caller
from runstream_service.access.visibility import visible
from runstream_service.engine.tables import LoggedModel, ModelVersion, RegisteredModel, Run

#: The experiment of a version, in a query that `with_owners` has made.
EXPERIMENT = fn.COALESCE(Run.experiment, LoggedModel.experiment)


def with_owners(query: Any) -> Any:
    """Join a query of versions with their registered models, and what has their files."""
    return (
        query.join_from(ModelVersion, RegisteredModel)
        .join_from(ModelVersion, Run, JOIN.LEFT_OUTER, on=ModelVersion.run == Run.id)
        .join_from(
            ModelVersion,
            LoggedModel,
            JOIN.LEFT_OUTER,
            on=ModelVersion.logged_model == LoggedModel.id,
        )
    )


def visible_versions(caller: Caller) -> list[Any]:
    """Return the conditions that a caller sees a version, for a query that `with_owners` made."""
    return visible(caller, EXPERIMENT)


def visible_models(caller: Caller) -> list[Any]:
    """Return the conditions that a caller sees a registered model, for a query of those."""
    if caller.is_admin:
        return []
    versions = with_owners(ModelVersion.select(ModelVersion.registered_model))
    seen = versions.where(*visible_versions(caller))
    return [(RegisteredModel.created_by == caller.name) | RegisteredModel.id.in_(seen)]
