"""Searching logged models, on a reader's thread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from runstream.v1.logged_model_pb2 import LoggedModelStatus
from runstream_service.store.models import LoggedModel, LoggedModelParam, LoggedModelTag
from runstream_service.store.search.conditions import matches, text
from runstream_service.store.search.order import Term
from runstream_service.store.search.tables import Searchable, TableSearch
from runstream_service.store.search.tree import Condition
from runstream_service.store.statement import among


def _status(condition: Condition) -> Any:
    text(LoggedModel.name, condition)  # checks the operands
    states = LoggedModelStatus.items()[1:]
    return LoggedModel.status.in_([n for name, n in states if matches(name, condition)])


_MODELS = Searchable(
    table=LoggedModel,
    texts={
        "name": LoggedModel.name,
        "model_id": LoggedModel.uid,
        "model_type": LoggedModel.model_type,
        "source_run_id": LoggedModel.source_run_id,
        "status": LoggedModel.status,
    },
    times={
        "creation_timestamp": LoggedModel.creation_time,
        "creation_time": LoggedModel.creation_time,
        "last_updated_timestamp": LoggedModel.last_update_time,
    },
    pairs={"params": (LoggedModelParam, "owner"), "tags": (LoggedModelTag, "owner")},
    order=(Term(LoggedModel.creation_time, descending=True), Term(LoggedModel.id, descending=True)),
    special={"status": _status},
)


def logged_model_search(
    experiments: Sequence[int] | None, filter_text: str, order_by: Sequence[str]
) -> TableSearch:
    """Return a search for the models of experiments, or of all, that are not deleted.

    Raises:
        InvalidArgument: filter or order is malformed.
    """
    conditions: list[Any] = [LoggedModel.deleted_time.is_null()]
    if experiments is not None:
        conditions.append(LoggedModel.experiment.in_(among(experiments)))
    return TableSearch(_MODELS, conditions, filter_text, order_by)
