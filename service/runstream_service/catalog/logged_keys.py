"""The keys that runs of experiments logged under, on a reader's thread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from runstream.errors import ResourceExhausted
from runstream_service.access.caller import Caller
from runstream_service.access.visibility import visible_experiments
from runstream_service.catalog.experiments import parse_ids
from runstream_service.engine.budget import ANSWER_BYTES, Budget, TooLargeError
from runstream_service.engine.statements import ANY_IDS, Statement, array_of
from runstream_service.engine.tables import Param, Run, RunTag, Series


class Keys(NamedTuple):
    """Keys by what they are of, each list in the order of their characters."""

    metrics: list[str]
    params: list[str]
    tags: list[str]


def _of_experiments(table: Any) -> Statement:
    runs = Run.select(Run.id).where(Run.experiment.in_(ANY_IDS) & ~Run.deleted & ~Run.purging)
    return Statement(table.select(table.key).distinct().where(table.run.in_(runs)))


_STATEMENTS = [_of_experiments(table) for table in (Series, Param, RunTag)]


def list_keys(caller: Caller, experiment_ids: Sequence[str]) -> Keys:
    """Return the keys of all active runs of those experiments that the caller sees.

    Raises:
        ResourceExhausted: they are more than an answer can hold.
    """
    experiments = visible_experiments(caller, parse_ids(experiment_ids))
    of, budget = (array_of(experiments or ()),), Budget()
    try:
        found = [
            sorted(row[0] for row in budget.fetch_all(statement.stream(*of), 0))
            for statement in _STATEMENTS
        ]
    except TooLargeError:
        raise too_many_keys() from None
    return Keys(*found)


def too_many_keys() -> ResourceExhausted:
    """Return the error for keys that are more than an answer can hold."""
    return ResourceExhausted(
        f"The keys take more than an answer can hold, which is {ANSWER_BYTES} bytes: "
        "ask for fewer experiments at once",
        reason="TOO_MANY_KEYS",
        field="experiment_ids",
        limit=ANSWER_BYTES,
    )
