"""Versions of registered models, read on a reader's thread; `model_version_updates` writes them.

The files of a version belong to a run or a logged model, and whoever sees the experiment of these
sees the version.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from peewee import fn

from runstream.errors import InvalidArgument, NotFound, shorten
from runstream_service.access.caller import Caller
from runstream_service.access.registry_visibility import EXPERIMENT, visible_versions, with_owners
from runstream_service.access.visibility import VisibleStatement
from runstream_service.catalog.artifact_locations import join_location
from runstream_service.catalog.model_metrics import LoggedPoint, read_model_points
from runstream_service.catalog.pairs import Pairs, read_pairs
from runstream_service.engine.statuses import STAGES
from runstream_service.engine.tables import (
    LoggedModel,
    LoggedModelParam,
    ModelVersion,
    ModelVersionTag,
    RegisteredModel,
    RegisteredModelAlias,
    Run,
)

_ARTIFACT_URI = fn.COALESCE(Run.artifact_uri, LoggedModel.artifact_uri)
_OF_NAME = RegisteredModel.name == ""
_FIND = VisibleStatement(
    with_owners(ModelVersion.select(ModelVersion.id)).where(_OF_NAME & (ModelVersion.version == 0)),
    EXPERIMENT,
)
_FIND_BY_ALIAS = VisibleStatement(
    with_owners(ModelVersion.select(ModelVersion.id))
    .join_from(
        ModelVersion, RegisteredModelAlias, on=RegisteredModelAlias.version == ModelVersion.id
    )
    .where(_OF_NAME & (RegisteredModelAlias.name == "")),
    EXPERIMENT,
)
_HIGHEST = with_owners(ModelVersion.select(fn.MAX(ModelVersion.version)))
_LATEST = VisibleStatement(_HIGHEST.where(_OF_NAME), EXPERIMENT)
_LATEST_OF_STAGE = VisibleStatement(
    _HIGHEST.where(_OF_NAME & (ModelVersion.stage == 0)), EXPERIMENT
)
_LOCATION = VisibleStatement(
    with_owners(ModelVersion.select(_ARTIFACT_URI, ModelVersion.artifact_path)).where(
        _OF_NAME & (ModelVersion.version == 0)
    ),
    EXPERIMENT,
)


@dataclass(frozen=True)
class DescribedVersion:
    """A version with what is told of it.

    Attributes:
        row: the version.
        name: the name of its registered model.
        experiment_id: the experiment of its files.
        run_id: the run that has its files; "" if a logged model has them.
        model_id: the logged model that has its files; "" if a run has them.
        tags: its tags, by key.
        aliases: the aliases that lead to it, in their order.
        params: params of the logged model, where they are asked for.
        metrics: metrics of the logged model, where they are asked for.
    """

    row: ModelVersion
    name: str
    experiment_id: int
    run_id: str
    model_id: str
    tags: Pairs
    aliases: Sequence[str]
    params: Pairs = ()
    metrics: Sequence[LoggedPoint] = ()


def get(caller: Caller, name: str, version: int) -> DescribedVersion:
    """Return a version, with what was logged of its logged model.

    Raises:
        NotFound: there is none of this name and number that the caller sees.
    """
    return _with_logged_model(read([find(caller, name, version)])[0])


def get_by_alias(caller: Caller, name: str, alias: str) -> DescribedVersion:
    """Return what `get` does, of the version to which an alias leads; `latest` is the newest.

    Raises:
        NotFound: there is no such alias of a version that the caller sees.
    """
    return _with_logged_model(read([find_by_alias(caller, name, alias)])[0])


def find(caller: Caller, name: str, version: int) -> int:
    """Return the internal id of a version; raises as `get`."""
    row = _FIND.first(caller, name, version)
    if row is None:
        raise not_found_error(name, version)
    return int(row[0])


def find_by_alias(caller: Caller, name: str, alias: str) -> int:
    """Return the internal id of the version of an alias; raises as `get_by_alias`."""
    if alias.lower() == "latest":
        latest = _LATEST.first(caller, name)
        if latest is None or latest[0] is None:
            raise NotFound(
                f"Latest version not found for model {name}.",
                reason="MODEL_VERSION_NOT_FOUND",
                field="alias",
                value=alias,
            )
        return find(caller, name, latest[0])
    row = _FIND_BY_ALIAS.first(caller, name, alias)
    if row is None:
        raise NotFound(
            f"Registered model alias {alias} not found.",
            reason="ALIAS_NOT_FOUND",
            field="alias",
            value=alias,
        )
    return int(row[0])


def find_by_stage(caller: Caller, name: str, stage: str) -> int:
    """Return the internal id of the version with the highest number that is in a stage.

    Raises:
        InvalidArgument: there is no such stage.
        NotFound: no version of it that the caller sees is there.
    """
    wanted = parse_stage(stage)
    latest = _LATEST_OF_STAGE.first(caller, name, wanted)
    if latest is None or latest[0] is None:
        raise NotFound(
            f"No versions of model with name '{name}' and stage '{STAGES[wanted]}' found",
            reason="MODEL_VERSION_NOT_FOUND",
            field="stage",
            value=stage,
        )
    return find(caller, name, latest[0])


def download_uri(caller: Caller, name: str, version: int) -> str:
    """Return the URI of the files of a version; raises as `get`."""
    row = _LOCATION.first(caller, name, version)
    if row is None:
        raise not_found_error(name, version)
    root, path = row
    return join_location(root, path) if path else str(root)


def latest(
    caller: Caller, models: Sequence[int], stages: Sequence[int] = ()
) -> dict[int, list[DescribedVersion]]:
    """Return of each stage the version with the highest number that a caller sees, by number.

    Args:
        caller: who asks.
        models: registered models, by their internal ids.
        stages: only these stages, if there are any.
    """
    columns = (ModelVersion.registered_model, ModelVersion.stage)
    highest = fn.MAX(ModelVersion.version).alias("highest")
    grouped = with_owners(ModelVersion.select(ModelVersion.registered_model, highest)).where(
        ModelVersion.registered_model.in_(list(models)), *visible_versions(caller)
    )
    if stages:
        grouped = grouped.where(ModelVersion.stage.in_(list(stages)))
    grouped = grouped.group_by(*columns).alias("latest")
    version = ModelVersion.alias()
    found: Any = (
        version.select(version.id)
        .join(
            grouped,
            on=(version.registered_model == grouped.c.registered_model_id)
            & (version.version == grouped.c.highest),
        )
        .order_by(version.registered_model, version.version)
    )
    versions: dict[int, list[DescribedVersion]] = {model: [] for model in models}
    for described in read([row[0] for row in found.tuples()]):
        versions[described.row.registered_model_id].append(described)
    return versions


def read(ids: Sequence[int]) -> list[DescribedVersion]:
    """Return the versions of these internal ids, in this order, without their logged models."""
    columns = [
        ModelVersion,
        RegisteredModel.name.alias("name"),
        EXPERIMENT.alias("experiment_id"),
        fn.COALESCE(Run.uuid, "").alias("owner_run"),
        fn.COALESCE(LoggedModel.uid, "").alias("owner_model"),
    ]
    query = with_owners(ModelVersion.select(*columns)).where(ModelVersion.id.in_(list(ids)))
    rows: dict[int, Any] = {row.id: row for row in query.objects()}
    tags, aliases = read_pairs(ModelVersionTag, ids), _aliases(ids)
    return [
        DescribedVersion(
            row=rows[number],
            name=rows[number].name,
            experiment_id=rows[number].experiment_id,
            run_id=rows[number].owner_run,
            model_id=rows[number].owner_model,
            tags=tags[number],
            aliases=aliases.get(number, ()),
        )
        for number in ids
    ]


def _with_logged_model(version: DescribedVersion) -> DescribedVersion:
    model = version.row.logged_model_id
    if model is None:
        return version
    return replace(
        version,
        params=read_pairs(LoggedModelParam, [model])[model],
        metrics=read_model_points([model]).get(model, ()),
    )


def _aliases(versions: Sequence[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = defaultdict(list)
    rows = RegisteredModelAlias.select().where(RegisteredModelAlias.version.in_(list(versions)))
    for row in rows.order_by(RegisteredModelAlias.name):
        found[row.version_id].append(row.name)
    return found


def parse_stage(stage: str) -> int:
    """Return the number of a stage, whose letters may be of any case.

    Raises:
        InvalidArgument: there is no such stage.
    """
    for number, name in enumerate(STAGES):
        if stage.lower() == name.lower():
            return number
    stages = ", ".join(STAGES)
    raise InvalidArgument(
        f"Invalid Model Version stage: {shorten(stage)}. Value must be one of {stages}.",
        reason="STAGE_INVALID",
        field="stage",
        value=stage,
        limit=stages,
    )


def not_found_error(name: str, version: int) -> NotFound:
    """Return the error that says that there is no such version."""
    return NotFound(
        f"Model Version (name={name}, version={version}) not found",
        reason="MODEL_VERSION_NOT_FOUND",
        field="version",
        value=version,
        name=name,
    )
