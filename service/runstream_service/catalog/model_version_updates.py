"""Versions of registered models are created, changed and deleted here, on the writer's thread."""

from __future__ import annotations

from dataclasses import dataclass

from peewee import fn

from runstream.errors import FailedPrecondition, InvalidArgument
from runstream_service.access.caller import Caller, GrantRole
from runstream_service.catalog import model_version_sources, model_versions
from runstream_service.catalog.model_versions import DescribedVersion
from runstream_service.catalog.pairs import Pairs, upsert_pairs
from runstream_service.catalog.registered_model_updates import check_tags, lock, touch
from runstream_service.engine import applied_writes
from runstream_service.engine.applied_writes import WriteId, derive_id
from runstream_service.engine.clock import now
from runstream_service.engine.statements import Statement
from runstream_service.engine.statuses import ACTIVE_STAGES, STAGES, ModelVersionStatus
from runstream_service.engine.tables import (
    ModelVersion,
    ModelVersionTag,
    RegisteredModel,
    RegisteredModelAlias,
)

#: Versions of a registered model.
MAX_VERSIONS = 100_000

#: Aliases of a registered model.
MAX_ALIASES = 1_000

_COUNT = Statement(
    ModelVersion.select(fn.COUNT(ModelVersion.id)).where(ModelVersion.registered_model == 0)
)
_writes = applied_writes.to_registered_model


@dataclass(frozen=True)
class NewVersion:
    """What a version is to be created from; texts that are not given are empty."""

    source: str
    run_id: str = ""
    model_id: str = ""
    run_link: str = ""
    description: str = ""
    tags: Pairs = ()


def create(caller: Caller, name: str, new: NewVersion, write: WriteId | None) -> DescribedVersion:
    """Create a version, with the next number; a creation that is repeated returns it (P3).

    Raises:
        NotFound, PermissionDenied: as `registered_model_updates.lock`.
        InvalidArgument, NotFound, PermissionDenied, FailedPrecondition: as
            `model_version_sources.resolve`.
        FailedPrecondition: there are too many versions, or tags.
    """
    model = lock(caller, name, GrantRole.WRITER)
    uuid = derive_id("model_version", name, write)
    if _writes.was_applied(name, write):
        found = ModelVersion.get_or_none(ModelVersion.uuid == uuid)
        if found is None:
            raise model_versions.not_found_error(name, 0)
        return model_versions.get(caller, name, found.version)
    _check_no_prompt(new)
    source = model_version_sources.resolve(caller, new.source, new.run_id, new.model_id)
    _check_room(model)
    check_tags(len(dict(new.tags)))
    is_model = source.owner_id.startswith("m-")
    created = now()
    version = ModelVersion.create(
        uuid=uuid,
        registered_model=model.id,
        version=model.last_version + 1,
        description=new.description,
        source=source.text,
        run=None if is_model else source.owner.id,
        logged_model=source.owner.id if is_model else None,
        artifact_path=source.path,
        source_run_id=source.run_id,
        run_link=new.run_link,
        stage=STAGES.index("None"),
        status=ModelVersionStatus.READY,
        creation_time=created,
        last_update_time=created,
        created_by=caller.name,
    )
    upsert_pairs(ModelVersionTag, version.id, new.tags)
    counted = {RegisteredModel.last_version: version.version}
    RegisteredModel.update(counted).where(RegisteredModel.id == model.id).execute()
    touch(model)
    _writes.record(name, write)
    return model_versions.get(caller, name, version.version)


def update(
    caller: Caller, name: str, version: int, description: str, write: WriteId | None
) -> DescribedVersion:
    """Replace the description of a version, and return it; raises as `_lock`."""
    _, number = _lock(caller, name, version)
    if _writes.accept(name, write):
        change = {ModelVersion.description: description, ModelVersion.last_update_time: now()}
        ModelVersion.update(change).where(ModelVersion.id == number).execute()
    return model_versions.get(caller, name, version)


def transition(
    caller: Caller,
    name: str,
    version: int,
    stage: int,
    archive_existing: bool,
    write: WriteId | None,
) -> DescribedVersion:
    """Move a version to a stage, and return it.

    Args:
        caller: who moves it.
        name: the registered model.
        version: the number of the version.
        stage: an index in `STAGES`.
        archive_existing: whether the others of the stage are archived.
        write: the name of the write.

    Raises:
        NotFound, PermissionDenied: as `_lock`.
        InvalidArgument: others are to be archived, and the stage is not an active one.
    """
    if archive_existing and STAGES[stage] not in ACTIVE_STAGES:
        raise InvalidArgument(
            "Model version transition cannot archive existing model versions because "
            f"'{STAGES[stage]}' is not an Active stage. Valid stages are {list(ACTIVE_STAGES)}",
            reason="STAGE_INVALID",
            field="archive_existing_versions",
            value=STAGES[stage],
            limit=" or ".join(ACTIVE_STAGES),
        )
    model, number = _lock(caller, name, version)
    if not _writes.accept(name, write):
        return model_versions.get(caller, name, version)
    moved = now()
    if archive_existing:
        others = (ModelVersion.registered_model == model.id) & (ModelVersion.stage == stage)
        archived = {
            ModelVersion.stage: STAGES.index("Archived"),
            ModelVersion.last_update_time: moved,
        }
        ModelVersion.update(archived).where(others & (ModelVersion.id != number)).execute()
    change = {ModelVersion.stage: stage, ModelVersion.last_update_time: moved}
    ModelVersion.update(change).where(ModelVersion.id == number).execute()
    touch(model)
    return model_versions.get(caller, name, version)


def delete(caller: Caller, name: str, version: int, write: WriteId | None) -> None:
    """Delete a version, with its aliases; raises as `_lock`."""
    model = lock(caller, name, GrantRole.WRITER)
    if _writes.was_applied(name, write):
        return
    number = model_versions.find(caller, name, version)
    _writes.record(name, write)
    ModelVersion.delete().where(ModelVersion.id == number).execute()
    touch(model)


def set_tag(
    caller: Caller, name: str, version: int, key: str, value: str, write: WriteId | None
) -> None:
    """Set a tag of a version.

    Raises:
        NotFound, PermissionDenied: as `_lock`.
        FailedPrecondition: it has too many.
    """
    _, number = _lock(caller, name, version)
    if _writes.accept(name, write):
        others = (ModelVersionTag.owner == number) & (ModelVersionTag.key != key)
        check_tags(ModelVersionTag.select().where(others).count() + 1)
        upsert_pairs(ModelVersionTag, number, [(key, value)])


def delete_tag(caller: Caller, name: str, version: int, key: str, write: WriteId | None) -> None:
    """Delete a tag of a version, if it is there; raises as `_lock`."""
    _, number = _lock(caller, name, version)
    if _writes.accept(name, write):
        tag = (ModelVersionTag.owner == number) & (ModelVersionTag.key == key)
        ModelVersionTag.delete().where(tag).execute()


def set_alias(caller: Caller, name: str, alias: str, version: int, write: WriteId | None) -> None:
    """Let an alias lead to a version.

    Raises:
        NotFound, PermissionDenied: as `_lock`.
        FailedPrecondition: the registered model has too many.
    """
    model, number = _lock(caller, name, version)
    if not _writes.accept(name, write):
        return
    table = RegisteredModelAlias
    others = (table.owner == model.id) & (table.name != alias)
    if table.select().where(others).count() >= MAX_ALIASES:
        raise FailedPrecondition(
            f"The registered model {name!r} has {MAX_ALIASES:,} aliases; delete some",
            reason="ALIASES_TOO_MANY",
            field="alias",
            value=alias,
            limit=MAX_ALIASES,
        )
    row = {"owner": model.id, "name": alias, "version": number}
    table.insert(row).on_conflict(
        conflict_target=[table.owner, table.name], preserve=[table.version]
    ).execute()


def delete_alias(caller: Caller, name: str, alias: str, write: WriteId | None) -> None:
    """Delete an alias, if it is there; raises as `registered_model_updates.lock`."""
    model = lock(caller, name, GrantRole.WRITER)
    if _writes.accept(name, write):
        table = RegisteredModelAlias
        table.delete().where((table.owner == model.id) & (table.name == alias)).execute()


def _lock(caller: Caller, name: str, version: int) -> tuple[RegisteredModel, int]:
    """Return a locked registered model, and the internal id of a version.

    Raises:
        NotFound: there is no such version that the caller sees.
        PermissionDenied: the role of the caller is too low.
    """
    model = lock(caller, name, GrantRole.WRITER)
    return model, model_versions.find(caller, name, version)


def _check_no_prompt(new: NewVersion) -> None:
    """Raise InvalidArgument for a version of a prompt, whose text MLflow keeps in a tag."""
    if dict(new.tags).get("mlflow.prompt.is_prompt", "").lower() == "true":
        raise InvalidArgument(
            "Runstream does not have prompts: a version has files of a run or of a logged model",
            reason="PROMPTS_UNSUPPORTED",
            field="tags.mlflow.prompt.is_prompt",
            value="true",
            limit="no prompts",
        )


def _check_room(model: RegisteredModel) -> None:
    row = _COUNT.first(model.id)
    if row is not None and row[0] >= MAX_VERSIONS:
        raise FailedPrecondition(
            f"The registered model {model.name!r} has {MAX_VERSIONS:,} versions; delete some",
            reason="VERSIONS_TOO_MANY",
            field="name",
            value=model.name,
            limit=MAX_VERSIONS,
        )
