"""Registered models, read on a reader's thread; `registered_model_updates` writes them.

A caller sees one that they created, and one of which they see a version.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from runstream.errors import NotFound
from runstream_service.access.caller import Caller, GrantRole, ServerRole
from runstream_service.access.registry_visibility import EXPERIMENT, visible_versions, with_owners
from runstream_service.access.visibility import allowed_roles
from runstream_service.catalog import model_versions
from runstream_service.catalog.model_versions import DescribedVersion
from runstream_service.catalog.pairs import Pairs, read_pairs
from runstream_service.engine.statements import Statement
from runstream_service.engine.tables import (
    ModelVersion,
    RegisteredModel,
    RegisteredModelAlias,
    RegisteredModelTag,
)

_OF_NAME = Statement(RegisteredModel.select().where(RegisteredModel.name == ""))


@dataclass(frozen=True)
class DescribedModel:
    """A registered model with what a caller is told of it.

    Attributes:
        row: the registered model.
        tags: its tags, by key.
        aliases: its aliases and the numbers of their versions, in the order of the aliases.
        latest_versions: of each stage the version with the highest number, by number.
        role: what the caller may do with it.
    """

    row: RegisteredModel
    tags: Pairs
    aliases: Sequence[tuple[str, int]]
    latest_versions: Sequence[DescribedVersion]
    role: GrantRole


def get(caller: Caller, name: str) -> DescribedModel:
    """Return a registered model.

    Raises:
        NotFound: there is none of this name that the caller sees.
    """
    return read(caller, [find(caller, name).id])[0]


def find(caller: Caller, name: str) -> RegisteredModel:
    """Return the row of a registered model; raises as `get`."""
    found: list[RegisteredModel] = _OF_NAME.models(RegisteredModel, name)
    if not found or not is_visible(caller, found[0]):
        raise not_found_error(name)
    return found[0]


def latest_versions(caller: Caller, name: str, stages: Sequence[int]) -> list[DescribedVersion]:
    """Return what `model_versions.latest` does, for one registered model; raises as `get`."""
    model = find(caller, name).id
    return model_versions.latest(caller, [model], stages)[model]


def is_visible(caller: Caller, model: RegisteredModel) -> bool:
    """Return whether a caller sees a registered model."""
    if caller.is_admin or model.created_by == caller.name:
        return True
    return bool(_visible_versions(caller, [model.id], ModelVersion.id).exists())


def role_on(caller: Caller, model: RegisteredModel) -> GrantRole:
    """Return what a caller may do with a registered model that they see."""
    return _roles(caller, [model])[model.id]


def read(caller: Caller, ids: Sequence[int]) -> list[DescribedModel]:
    """Return what `get` does, of these internal ids of what the caller sees, in this order."""
    found = RegisteredModel.select().where(RegisteredModel.id.in_(list(ids)))
    rows = {row.id: row for row in found}
    roles = _roles(caller, list(rows.values()))
    tags, aliases = read_pairs(RegisteredModelTag, ids), _aliases(caller, ids)
    latest = model_versions.latest(caller, ids)
    return [
        DescribedModel(rows[number], tags[number], aliases[number], latest[number], roles[number])
        for number in ids
    ]


def _roles(caller: Caller, models: Sequence[RegisteredModel]) -> dict[int, GrantRole]:
    """Return what a caller may do with registered models that they see.

    It is what they may do with the experiments of all versions, also of those that they do not see.
    """
    if caller.is_admin:
        return {model.id: GrantRole.OWNER for model in models}
    if caller.role is ServerRole.READER:
        return {model.id: GrantRole.READER for model in models}
    experiments: dict[int, set[int]] = defaultdict(set)
    pairs = with_owners(
        ModelVersion.select(ModelVersion.registered_model, EXPERIMENT.alias("experiment"))
    ).where(ModelVersion.registered_model.in_([model.id for model in models]))
    for model, experiment in pairs.distinct().tuples():
        experiments[model].add(experiment)
    known = allowed_roles(caller, sorted(set().union(*experiments.values())))

    def role(model: RegisteredModel) -> GrantRole:
        if model.created_by == caller.name:
            return GrantRole.OWNER
        # One that the caller does not see has no role.
        lowest = min((known.get(each, 0) for each in experiments[model.id]), default=0)
        return GrantRole(max(lowest, GrantRole.READER))

    return {model.id: role(model) for model in models}


def _visible_versions(caller: Caller, models: Sequence[int], *columns: Any) -> Any:
    return with_owners(ModelVersion.select(*columns)).where(
        ModelVersion.registered_model.in_(list(models)), *visible_versions(caller)
    )


def _aliases(caller: Caller, models: Sequence[int]) -> dict[int, list[tuple[str, int]]]:
    aliases: dict[int, list[tuple[str, int]]] = {model: [] for model in models}
    columns = (RegisteredModelAlias.owner, RegisteredModelAlias.name, ModelVersion.version)
    rows = (
        _visible_versions(caller, models, *columns)
        .join_from(
            ModelVersion, RegisteredModelAlias, on=RegisteredModelAlias.version == ModelVersion.id
        )
        .order_by(RegisteredModelAlias.owner, RegisteredModelAlias.name)
    )
    for owner, alias, version in rows.tuples():
        aliases[owner].append((alias, version))
    return aliases


def not_found_error(name: str) -> NotFound:
    """Return the error that says that there is no such registered model."""
    return NotFound(
        f"Registered Model with name={name} not found",
        reason="REGISTERED_MODEL_NOT_FOUND",
        field="name",
        value=name,
    )
