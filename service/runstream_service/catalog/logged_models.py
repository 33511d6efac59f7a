"""Logged models: writing happens on the writer's thread, reading on a reader's."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from runstream.contract import generated_names
from runstream.errors import AlreadyExists, InvalidArgument, NotFound
from runstream_service.access.caller import Caller, GrantRole
from runstream_service.access.visibility import VisibleStatement, check_role
from runstream_service.catalog import experiments
from runstream_service.catalog.artifact_locations import join_location
from runstream_service.catalog.model_metrics import LoggedPoint, read_model_points
from runstream_service.catalog.pairs import Pairs, read_pairs, upsert_pairs
from runstream_service.catalog.version_use import check_model_unused
from runstream_service.engine import applied_writes
from runstream_service.engine.applied_writes import WriteId
from runstream_service.engine.clock import now
from runstream_service.engine.statements import Statement
from runstream_service.engine.statuses import LoggedModelStatus
from runstream_service.engine.tables import LoggedModel, LoggedModelParam, LoggedModelTag

_OF_UID = LoggedModel.select().where(LoggedModel.uid == "")
_SELECT = VisibleStatement(_OF_UID, LoggedModel.experiment)
_LOCK = VisibleStatement(_OF_UID, LoggedModel.experiment, lock=True)
_EXPERIMENT = Statement(LoggedModel.select(LoggedModel.experiment).where(LoggedModel.id == 0))
_MEASURED = VisibleStatement(
    LoggedModel.select(LoggedModel.id, LoggedModel.experiment).where(
        (LoggedModel.uid == "") & LoggedModel.deleted_time.is_null()
    ),
    LoggedModel.experiment,
)


@dataclass(frozen=True)
class LoggedModelData:
    """A model with its params, tags and metrics, each by key."""

    model: LoggedModel
    params: Pairs
    tags: Pairs
    metrics: Sequence[LoggedPoint] = ()


def create(
    caller: Caller,
    experiment_id: str,
    name: str,
    model_type: str,
    source_run_id: str,
    params: Pairs,
    tags: Pairs,
    model_id: str,
) -> LoggedModelData:
    """Create a model, or return the one that has the id.

    Raises:
        NotFound, FailedPrecondition: the experiment is not there, or deleted.
        PermissionDenied: the caller may not write to it.
        InvalidArgument: a param is there twice with two values.
        AlreadyExists: the id is that of a model of another experiment, or of one that is deleted.
    """
    experiment = experiments.keep_active(caller, experiment_id)
    _check_params({}, params)
    existing = _existing_model(model_id, experiment.id) if model_id else None
    if existing is not None:
        return _with_data([existing])[0]
    created = now()
    uid = model_id or f"m-{secrets.token_hex(16)}"
    model = LoggedModel.create(
        uid=uid,
        experiment=experiment.id,
        name=name or generated_names.generate(),
        model_type=model_type,
        source_run_id=source_run_id,
        status=LoggedModelStatus.LOGGED_MODEL_PENDING,
        creation_time=created,
        last_update_time=created,
        artifact_uri=join_location(experiment.artifact_location, f"models/{uid}/artifacts"),
    )
    upsert_pairs(LoggedModelParam, model.id, params)
    upsert_pairs(LoggedModelTag, model.id, tags)
    return _with_data([model])[0]


def get(caller: Caller, model_id: str, allow_deleted: bool = False) -> LoggedModelData:
    """Return a model, one that is not deleted unless those are allowed.

    Raises:
        NotFound: there is none of this id that the caller sees.
    """
    return _with_data([_find(_SELECT, caller, model_id, allow_deleted)])[0]


def read(ids: Sequence[int]) -> list[LoggedModelData]:
    """Return the models of these internal ids, in this order."""
    rows = {model.id: model for model in LoggedModel.select().where(LoggedModel.id.in_(ids))}
    return _with_data([rows[number] for number in ids])


def finalize(caller: Caller, model_id: str, status: int, write: WriteId | None) -> LoggedModelData:
    """Set the status of the files of a model; raises as `lock_active_model`."""
    model = lock_active_model(caller, model_id)
    if not applied_writes.to_model.accept(model.id, write):
        return _with_data([model])[0]
    return _touch(model, status=status)


def delete(caller: Caller, model_id: str, write: WriteId | None) -> None:
    """Delete a model.

    Raises:
        NotFound, PermissionDenied: as `lock_active_model`.
        FailedPrecondition: a version of a registered model has its files.
    """
    model = _find(_LOCK, caller, model_id, allow_deleted=True)
    check_role(caller, model.experiment_id, GrantRole.WRITER)
    if applied_writes.to_model.was_applied(model.id, write):
        return
    if model.deleted_time is not None:
        raise not_found_error(model_id)
    check_model_unused(model_id, model.id)
    applied_writes.to_model.record(model.id, write)
    LoggedModel.update(deleted_time=now()).where(LoggedModel.id == model.id).execute()


def set_tags(caller: Caller, model_id: str, tags: Pairs, write: WriteId | None) -> LoggedModelData:
    """Set tags of a model; raises as `lock_active_model`."""
    model = lock_active_model(caller, model_id)
    if not applied_writes.to_model.accept(model.id, write):
        return _with_data([model])[0]
    upsert_pairs(LoggedModelTag, model.id, tags)
    return _touch(model)


def delete_tag(caller: Caller, model_id: str, key: str, write: WriteId | None) -> None:
    """Delete a tag of a model; raises as `lock_active_model`, and NotFound without such a tag."""
    model = lock_active_model(caller, model_id)
    if applied_writes.to_model.was_applied(model.id, write):
        return
    tag = (LoggedModelTag.owner == model.id) & (LoggedModelTag.key == key)
    if not LoggedModelTag.delete().where(tag).execute():
        raise NotFound(
            f"No tag with key {key!r} found for model with ID {model_id!r}.",
            reason="TAG_NOT_FOUND",
            field="tag_key",
            value=key,
        )
    applied_writes.to_model.record(model.id, write)
    _touch(model)


def log_params(caller: Caller, model_id: str, params: Pairs) -> None:
    """Set params of a model, each once (P1).

    Raises:
        NotFound, PermissionDenied, FailedPrecondition: as `lock_active_model`.
        InvalidArgument: a param has another value.
    """
    model = lock_active_model(caller, model_id)
    _check_params(dict(read_pairs(LoggedModelParam, [model.id])[model.id]), params)
    upsert_pairs(LoggedModelParam, model.id, params)
    _touch(model)


def lock_active_model(caller: Caller, model_id: str) -> LoggedModel:
    """Return a model that is to be changed: it is locked until the commit.

    Raises:
        NotFound: there is none of this id that the caller sees, or it is deleted.
        PermissionDenied: the caller may not write to its experiment.
        FailedPrecondition: its experiment is deleted.
    """
    model = _find(_LOCK, caller, model_id)
    check_role(caller, model.experiment_id, GrantRole.WRITER)
    experiments.check_active(model.experiment_id)
    return model


def check_active(model: int) -> None:
    """Raise FailedPrecondition if the experiment of a model, by its internal id, is deleted."""
    row = _EXPERIMENT.first(model)
    if row is not None:
        experiments.check_active(row[0])


def measured_ids(caller: Caller, model_ids: Iterable[str]) -> dict[str, int]:
    """Return the internal ids of models for which metrics are to be written.

    Raises:
        NotFound: there is no such model, or the caller does not see it.
        PermissionDenied: the caller may not write to its experiment.
    """
    found = {}
    for model_id in model_ids:
        row = _MEASURED.first(caller, model_id)
        if row is None:
            raise not_found_error(model_id)
        found[model_id], experiment = row
        check_role(caller, experiment, GrantRole.WRITER)
    return found


def _find(
    select: VisibleStatement, caller: Caller, model_id: str, allow_deleted: bool = False
) -> LoggedModel:
    found: list[LoggedModel] = select.models(caller, LoggedModel, model_id)
    for model in found:
        if allow_deleted or model.deleted_time is None:
            return model
    raise not_found_error(model_id)


def _existing_model(model_id: str, experiment: int) -> LoggedModel | None:
    """Return the active model of an id, if there is one, in this experiment."""
    model: LoggedModel | None = LoggedModel.get_or_none(LoggedModel.uid == model_id)
    if model is None or (model.experiment_id == experiment and model.deleted_time is None):
        return model
    raise AlreadyExists(
        f"Logged model with ID '{model_id}' already exists",
        reason="MODEL_EXISTS",
        field="model_id",
        value=model_id,
    )


def not_found_error(model_id: str) -> NotFound:
    """Return the error that says that there is no such model."""
    return NotFound(
        f"Logged model with ID '{model_id}' not found.",
        reason="MODEL_NOT_FOUND",
        field="model_id",
        value=model_id,
    )


def _touch(model: LoggedModel, **changes: Any) -> LoggedModelData:
    values = {"last_update_time": now(), **changes}
    LoggedModel.update(**values).where(LoggedModel.id == model.id).execute()
    return read([model.id])[0]


def _check_params(known: dict[str, str], params: Pairs) -> None:
    """Raise InvalidArgument if a param has another value already, or is among these with two."""
    for key, value in params:
        if known.setdefault(key, value) != value:
            raise InvalidArgument(
                f"params.{key} is already {known[key]!r}, it cannot become {value!r}",
                reason="PARAM_IMMUTABLE",
                field=f"params.{key}",
                old=known[key],
                new=value,
            )


def _with_data(models: Sequence[LoggedModel]) -> list[LoggedModelData]:
    ids = [model.id for model in models]
    params, tags = read_pairs(LoggedModelParam, ids), read_pairs(LoggedModelTag, ids)
    metrics = read_model_points(ids)
    return [
        LoggedModelData(model, params[model.id], tags[model.id], metrics.get(model.id, ()))
        for model in models
    ]
