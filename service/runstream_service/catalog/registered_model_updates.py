"""Registered models are created, changed and deleted here, on the writer's thread.

The registered model is locked first. So there is one writer of it, of its versions and of its
aliases at a time.
"""

from __future__ import annotations

from peewee import fn

from runstream.errors import AlreadyExists, FailedPrecondition, PermissionDenied, RunstreamError
from runstream_service.access.caller import Caller, GrantRole
from runstream_service.access.visibility import check_writer
from runstream_service.catalog import registered_models
from runstream_service.catalog.pairs import Pairs, upsert_pairs
from runstream_service.catalog.registered_models import DescribedModel, not_found_error
from runstream_service.engine import applied_writes
from runstream_service.engine.applied_writes import WriteId
from runstream_service.engine.clock import now
from runstream_service.engine.statements import LockingStatement, Statement
from runstream_service.engine.tables import (
    ModelVersion,
    RegisteredModel,
    RegisteredModelTag,
    RegisteredModelWrite,
)

#: Registered models of a server.
MAX_MODELS = 100_000

#: Tags of a registered model, and of a version.
MAX_TAGS = 1_000

_LOCK = LockingStatement(RegisteredModel.select().where(RegisteredModel.name == ""))
_COUNT = Statement(RegisteredModel.select(fn.COUNT(RegisteredModel.id)))
_writes = applied_writes.to_registered_model


def create(
    caller: Caller, name: str, description: str, tags: Pairs, write: WriteId | None
) -> DescribedModel:
    """Create a registered model, whose owner is the caller.

    A creation that is repeated returns the registered model that it created (P3).

    Raises:
        PermissionDenied: the caller may not write on this server, or does not see the registered
            model that has the name.
        AlreadyExists: the name is taken.
        FailedPrecondition: the server has too many, or this one would have too many tags.
    """
    check_writer(caller)
    taken = RegisteredModel.get_or_none(RegisteredModel.name == name)
    if taken is not None:
        if registered_models.is_visible(caller, taken) and _writes.was_applied(name, write):
            return registered_models.get(caller, name)
        raise _name_taken_error(caller, taken)
    _check_room()
    check_tags(len(dict(tags)))
    created = now()
    # If another server has created one of this name meanwhile, the database says so, and the
    # transaction is run again.
    model = RegisteredModel.create(
        name=name,
        description=description,
        creation_time=created,
        last_update_time=created,
        created_by=caller.name,
        last_version=0,
    )
    upsert_pairs(RegisteredModelTag, model.id, tags)
    _writes.record(name, write)
    return registered_models.get(caller, name)


def rename(caller: Caller, name: str, new_name: str, write: WriteId | None) -> DescribedModel:
    """Give a registered model another name, and return it.

    Raises:
        NotFound, PermissionDenied: as `lock`, for an owner.
        AlreadyExists, PermissionDenied: the new name is taken, as `create`.
    """
    if _writes.was_applied(name, write):
        return registered_models.get(caller, new_name)
    model = lock(caller, name, GrantRole.OWNER)
    taken = RegisteredModel.get_or_none(RegisteredModel.name == new_name)
    if taken is not None:
        raise _name_taken_error(caller, taken)
    _writes.record(name, write)
    renamed = now()
    this = RegisteredModel.id == model.id
    RegisteredModel.update(name=new_name, last_update_time=renamed).where(this).execute()
    of_this = ModelVersion.registered_model == model.id
    ModelVersion.update(last_update_time=renamed).where(of_this).execute()
    return registered_models.get(caller, new_name)


def update(caller: Caller, name: str, description: str, write: WriteId | None) -> DescribedModel:
    """Replace the description of a registered model, and return it; raises as `lock`."""
    model = lock(caller, name, GrantRole.WRITER)
    if _writes.accept(name, write):
        change = {RegisteredModel.description: description}
        RegisteredModel.update(change).where(RegisteredModel.id == model.id).execute()
        touch(model)
    return registered_models.get(caller, name)


def delete(caller: Caller, name: str, write: WriteId | None) -> None:
    """Delete a registered model with its versions; raises as `lock`, for an owner."""
    if _writes.was_applied(name, write):
        return
    lock(caller, name, GrantRole.OWNER).delete_instance()
    RegisteredModelWrite.delete().where(RegisteredModelWrite.owner == name).execute()
    _writes.record(name, write)


def set_tag(caller: Caller, name: str, key: str, value: str, write: WriteId | None) -> None:
    """Set a tag of a registered model.

    Raises:
        NotFound, PermissionDenied: as `lock`.
        FailedPrecondition: it has too many.
    """
    model = lock(caller, name, GrantRole.WRITER)
    if _writes.accept(name, write):
        others = (RegisteredModelTag.owner == model.id) & (RegisteredModelTag.key != key)
        check_tags(RegisteredModelTag.select().where(others).count() + 1)
        upsert_pairs(RegisteredModelTag, model.id, [(key, value)])


def delete_tag(caller: Caller, name: str, key: str, write: WriteId | None) -> None:
    """Delete a tag of a registered model, if it is there; raises as `lock`."""
    model = lock(caller, name, GrantRole.WRITER)
    if _writes.accept(name, write):
        tag = (RegisteredModelTag.owner == model.id) & (RegisteredModelTag.key == key)
        RegisteredModelTag.delete().where(tag).execute()


def lock(caller: Caller, name: str, needed: GrantRole) -> RegisteredModel:
    """Return a registered model that stays as it is until the commit, with its versions.

    Raises:
        NotFound: there is none of this name that the caller sees.
        PermissionDenied: the role of the caller is too low.
    """
    found: list[RegisteredModel] = _LOCK.models(RegisteredModel, name)
    if not found or not registered_models.is_visible(caller, found[0]):
        raise not_found_error(name)
    check_writer(caller)
    role = registered_models.role_on(caller, found[0])
    if role < needed:
        raise PermissionDenied(
            f"{caller.name!r} has {role.name.lower()} on the registered model {name!r}, and this "
            f"takes {needed.name.lower()}",
            reason="ROLE_TOO_LOW",
            field="name",
            value=name,
            limit=needed.name.lower(),
        )
    return found[0]


def touch(model: RegisteredModel) -> None:
    """Note that a registered model, or one of its versions, has changed now."""
    RegisteredModel.update(last_update_time=now()).where(RegisteredModel.id == model.id).execute()


def check_tags(count: int) -> None:
    """Raise FailedPrecondition if a registered model or a version would have too many tags."""
    if count > MAX_TAGS:
        raise FailedPrecondition(
            f"There would be {count:,} tags, the limit is {MAX_TAGS:,}; delete some",
            reason="TAGS_TOO_MANY",
            field="tags",
            value=count,
            limit=MAX_TAGS,
        )


def _check_room() -> None:
    row = _COUNT.first()
    if row is not None and row[0] >= MAX_MODELS:
        raise FailedPrecondition(
            f"The server has {MAX_MODELS:,} registered models; delete some",
            reason="REGISTERED_MODELS_TOO_MANY",
            field="name",
            value=row[0],
            limit=MAX_MODELS,
        )


def _name_taken_error(caller: Caller, taken: RegisteredModel) -> RunstreamError:
    if not registered_models.is_visible(caller, taken):
        # ALREADY_EXISTS would make MLflow's clients add a version to it.
        return PermissionDenied(
            f"The name {taken.name!r} is that of a registered model that you do not see: ask an "
            "admin, or choose another name",
            reason="REGISTERED_MODEL_NAME_TAKEN",
            field="name",
            value=taken.name,
        )
    return AlreadyExists(
        f"Registered Model (name={taken.name}) already exists.",
        reason="REGISTERED_MODEL_EXISTS",
        field="name",
        value=taken.name,
    )
