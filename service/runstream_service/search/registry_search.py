"""Searching registered models and their versions, on a reader's thread.

Prompts are registered models of MLflow that have a tag, and are found only by a filter on that tag.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from peewee import fn

from runstream_service.access.caller import Caller
from runstream_service.access.registry_visibility import (
    visible_models,
    visible_versions,
    with_owners,
)
from runstream_service.engine.statuses import STAGES, ModelVersionStatus
from runstream_service.engine.tables import (
    LoggedModel,
    ModelVersion,
    ModelVersionTag,
    RegisteredModel,
    RegisteredModelTag,
)
from runstream_service.search.conditions import (
    check_texts,
    integer_condition,
    is_satisfied_by,
    not_null,
    text_condition,
)
from runstream_service.search.order import SortTerm
from runstream_service.search.table_search import SearchableTable, TableSearch
from runstream_service.search.tree import Condition

_IS_PROMPT = "mlflow.prompt.is_prompt"

_MODELS = SearchableTable(
    table=RegisteredModel,
    texts={"name": RegisteredModel.name, "user_id": RegisteredModel.created_by},
    times={
        "creation_timestamp": RegisteredModel.creation_time,
        "last_updated_timestamp": RegisteredModel.last_update_time,
        "timestamp": RegisteredModel.last_update_time,  # MLflow's other name for it
    },
    pairs={"tags": (RegisteredModelTag, "owner")},
    order=(SortTerm(RegisteredModel.name), SortTerm(RegisteredModel.id)),
)


def _status(condition: Condition) -> Any:
    check_texts(condition)
    found = [status for status in ModelVersionStatus if is_satisfied_by(status.name, condition)]
    return ModelVersion.status.in_(found)


def _stage(condition: Condition) -> Any:
    check_texts(condition)
    found = [i for i, stage in enumerate(STAGES) if is_satisfied_by(stage, condition)]
    return ModelVersion.stage.in_(found)


def _version_number(condition: Condition) -> Any:
    """Translate a condition on the number of a version, which MLflow's clients may quote."""
    numbers = [int(v) if isinstance(v, str) and v.isdecimal() else v for v in condition.operands]
    found = integer_condition(ModelVersion.version, replace(condition, operands=numbers))
    return not_null(ModelVersion.version, found)


_VERSIONS = SearchableTable(
    table=ModelVersion,
    texts={
        "name": RegisteredModel.name,
        "run_id": ModelVersion.source_run_id,
        "model_id": LoggedModel.uid,
        "source_path": ModelVersion.source,
        "user_id": ModelVersion.created_by,
        "status": ModelVersion.status,
        "current_stage": ModelVersion.stage,
        "version_number": ModelVersion.version,
    },
    times={
        "creation_timestamp": ModelVersion.creation_time,
        "last_updated_timestamp": ModelVersion.last_update_time,
    },
    pairs={"tags": (ModelVersionTag, "owner")},
    order=(
        SortTerm(RegisteredModel.name),
        SortTerm(ModelVersion.version, descending=True),
        SortTerm(ModelVersion.id),
    ),
    # One without a logged model has none in place of null, which no page could go on after.
    ordered_by={"model_id": fn.COALESCE(LoggedModel.uid, "")},
    translate={"status": _status, "current_stage": _stage, "version_number": _version_number},
)
_NEWEST_FIRST = "last_updated_timestamp DESC"


class RegistrySearch(TableSearch):
    """A search that leaves prompts out, unless the filter is about them."""

    def __init__(
        self,
        what: SearchableTable,
        conditions: list[Any],
        filter_text: str,
        order_by: Sequence[str],
    ) -> None:
        """Parse and translate the filter and the order; raises as `TableSearch`."""
        self._is_about_prompts = False
        super().__init__(what, conditions, filter_text, order_by)
        if not self._is_about_prompts:
            self._conditions.append(self._prompt_tag() == "false")
        if what.table is ModelVersion:
            self._query = with_owners(self._query)

    def _condition(self, condition: Condition) -> Any:
        if (condition.key.group, condition.key.name) != ("tags", _IS_PROMPT):
            return super()._condition(condition)
        self._is_about_prompts = True
        found = text_condition(self._prompt_tag(), condition)
        return self._prompt_tag().is_null(False) if found is None else found

    def _prompt_tag(self) -> Any:
        """Return the value of the tag, which is `false` where it is missing."""
        table, owner = self._what.pairs["tags"]
        tag = table.alias()
        value = tag.select(fn.LOWER(tag.value)).where(
            (getattr(tag, owner) == self._what.table.id) & (tag.key == _IS_PROMPT)
        )
        return fn.COALESCE(value, "false")


def registered_model_search(
    caller: Caller, filter_text: str, order_by: Sequence[str]
) -> RegistrySearch:
    """Return a search for the registered models that a caller sees.

    Raises:
        InvalidArgument: filter or order is malformed.
    """
    return RegistrySearch(_MODELS, visible_models(caller), filter_text, order_by)


def model_version_search(
    caller: Caller, filter_text: str, order_by: Sequence[str]
) -> RegistrySearch:
    """Return a search for the versions that a caller sees, those that changed last first.

    Raises:
        InvalidArgument: filter or order is malformed.
    """
    order = order_by or [_NEWEST_FIRST]
    return RegistrySearch(_VERSIONS, visible_versions(caller), filter_text, order)
