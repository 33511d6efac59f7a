"""Where a search for runs looks, and how much of it is worth gathering."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Any

from peewee import fn

from runstream_service.engine.models import Run, RunTag, database
from runstream_service.engine.statements import (
    VALUES,
    compile_sql,
    first_row,
    in_values,
    json_array,
)
from runstream_service.search.conditions import Expression

#: Runs up to which a search gathers what it finds, whatever the size of the page.
GATHERED = 2_000

#: The tag that makes a run a child of another.
PARENT_TAG = "mlflow.parentRunId"

_BEYOND = compile_sql(Run.select(Run.id).where(Run.experiment.in_(VALUES)).limit(1).offset(0))
_GREATEST = compile_sql(Run.select(fn.MAX(Run.id)))


@dataclass(frozen=True)
class Scope:
    """Where a search looks: in which experiments, all if None, and in which stage.

    Attributes:
        top_level: whether it leaves out runs whose parent is there, too.
    """

    experiments: Sequence[int] | None
    deleted: bool | None
    top_level: bool = False

    def conditions(self, *, indexed: bool = True) -> list[Expression]:
        """Return the conditions over the columns of `Run`.

        Args:
            indexed: whether SQLite may look the experiments up in an index, rather than check
                them for runs that it finds by other indexes.
        """
        conditions = self._of(Run, indexed=indexed)
        if self.top_level:
            parent = Run.alias()
            parents = RunTag.select(RunTag.run).join(parent, on=(parent.uuid == RunTag.value))
            of_run = (RunTag.run == Run.id) & (RunTag.key == PARENT_TAG) & (parent.id != Run.id)
            conditions.append(~fn.EXISTS(parents.where(of_run, *self._of(parent, indexed=False))))
        return conditions

    def count_children(self, runs: Sequence[str]) -> dict[str, int]:
        """Return how many child runs these have, by their `uuid`; those without are left out."""
        is_child = (RunTag.key == PARENT_TAG) & RunTag.value.in_(in_values(runs))
        query = (
            RunTag.select(RunTag.value, fn.COUNT(RunTag.run))
            .join(Run)
            .where(is_child, Run.uuid != RunTag.value, *self._of(Run, indexed=False))
            .group_by(RunTag.value)
        )
        return dict(database.execute(query))

    def _of(self, run: Any, *, indexed: bool) -> list[Expression]:
        experiment = run.experiment if indexed else run.experiment + 0
        conditions = []
        if self.experiments is not None and len(self.experiments) == 1:
            conditions.append(experiment == self.experiments[0])
        elif self.experiments is not None:
            conditions.append(experiment.in_(in_values(self.experiments)))
        if self.deleted is not None:
            conditions.append(run.deleted == self.deleted)
        if self.deleted is not False:
            conditions.append(~run.purging)
        return conditions or [run.id.is_null(False)]

    def is_large(self) -> bool:
        """Return whether these experiments have more runs than are gathered."""
        if self.experiments is None:
            return True
        return first_row(_BEYOND, json_array(self.experiments), 1, GATHERED) is not None


def most_gathered(limit: int) -> int:
    """Return how many runs it takes no longer to gather than to walk to so long a page.

    Gathering m of n runs looks at m runs. Walking looks at n / m for each run of the page, if what
    the filter finds is spread evenly over the order. That is the same at the root of n * limit.
    """
    (greatest,) = first_row(_GREATEST) or (None,)
    return max(GATHERED, isqrt(limit * (greatest or 0)))
