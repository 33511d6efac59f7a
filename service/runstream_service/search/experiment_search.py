"""Searching experiments, on a reader's thread (S7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from runstream_service.access.caller import Caller
from runstream_service.access.visibility import visible
from runstream_service.engine.tables import Experiment, ExperimentTag
from runstream_service.search.order import SortTerm
from runstream_service.search.table_search import SearchableTable, TableSearch

_EXPERIMENTS = SearchableTable(
    table=Experiment,
    texts={"name": Experiment.name, "experiment_id": Experiment.id.cast("TEXT")},
    times={
        "creation_time": Experiment.creation_time,
        "last_update_time": Experiment.last_update_time,
    },
    pairs={"tags": (ExperimentTag, "experiment")},
    order=(
        SortTerm(Experiment.creation_time, descending=True),
        SortTerm(Experiment.id, descending=True),
    ),
    ordered_by={"experiment_id": Experiment.id},
)


def experiment_search(
    caller: Caller, deleted: bool | None, filter_text: str, order_by: Sequence[str]
) -> TableSearch:
    """Return a search for experiments that a caller sees: deleted ones, active ones, or both.

    Raises:
        InvalidArgument: filter or order is malformed.
    """
    conditions: list[Any] = visible(caller, Experiment.id)
    if deleted is not None:
        conditions.append(Experiment.deleted == deleted)
    if deleted is not False:
        conditions.append(~Experiment.purging)
    return TableSearch(_EXPERIMENTS, conditions, filter_text, order_by)
