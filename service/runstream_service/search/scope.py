"""The scope of a search for runs, and the number of found runs that it sorts at most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Any

from peewee import Select, fn

from runstream_service.engine.statements import (
    ANY_IDS,
    Statement,
    array_of,
    execute,
    in_ids,
    is_text,
    without_index,
)
from runstream_service.engine.tables import Run, RunTag
from runstream_service.search.conditions import Expression

#: Found runs up to which a search sorts them, whatever the size of the page.
ALWAYS_SORTED = 2_000

#: The tag that makes a run a child of another.
PARENT_TAG = "mlflow.parentRunId"

#: Runs above a run up to which it is left out, where those at the top level are searched.
MAX_ABOVE = 100

_NTH_RUN = Statement(Run.select(Run.id).where(Run.experiment.in_(ANY_IDS)).limit(1).offset(0))
_MAX_ID = Statement(Run.select(fn.MAX(Run.id)))


@dataclass(frozen=True)
class Scope:
    """The scope of a search: its experiments, all if None, and their lifecycle stage.

    Attributes:
        top_level: whether it leaves out runs whose parent is there, too. Of runs that are each
            other's parents, the one that was created first stays.
    """

    experiments: Sequence[int] | None
    deleted: bool | None
    top_level: bool = False

    def conditions(self, *, indexed: bool = True) -> list[Expression]:
        """Return the conditions over the columns of `Run`.

        Args:
            indexed: whether the database may look the experiments up in an index, rather than check
                them for runs that it finds by other indexes.
        """
        conditions = self._conditions_on(Run, indexed=indexed)
        if self.top_level:
            parent = Run.alias("parent")
            parents = RunTag.select(RunTag.run).join(parent, on=(parent.uuid == RunTag.value))
            of_run = (RunTag.run == Run.id) & (RunTag.key == PARENT_TAG)
            is_there = self._conditions_on(parent, indexed=False)
            conditions.append(
                ~fn.EXISTS(parents.where(of_run, *is_there, self._is_below_another(parent)))
            )
        return conditions

    def _is_below_another(self, parent: Any) -> Any:
        """Return the condition that `Run` is not the oldest of those above it, which are not many.

        A run is above itself if runs are each other's parents.
        """
        tag, upper = RunTag.alias(), Run.alias()
        is_of_parent = (tag.run == parent.id) & (tag.key == PARENT_TAG)
        is_top = ~fn.EXISTS(tag.select(tag.run).where(is_of_parent))  # as most are: not in a circle
        above = Select((), [parent.id]).cte("above", recursive=True, columns=("id",))
        of_above = (tag.run == above.c.id) & (tag.key == PARENT_TAG)
        joined = above.join(tag, on=of_above).join(upper, on=(upper.uuid == tag.value))
        uppers = Select([joined], [upper.id]).where(*self._conditions_on(upper, indexed=False))
        ids = above.union(uppers).select_from(above.c.id).limit(MAX_ABOVE).alias("ids")
        is_below = (fn.MIN(ids.c.id) != Run.id) & (fn.COUNT(ids.c.id) < MAX_ABOVE)
        return is_top | Select([ids], [is_below])

    def count_children(self, runs: Sequence[str]) -> dict[str, int]:
        """Return how many child runs these have, by their `uuid`; those without are left out."""
        is_child = (RunTag.key == PARENT_TAG) & is_text(RunTag.value, runs)
        query = (
            RunTag.select(RunTag.value, fn.COUNT(RunTag.run))
            .join(Run)
            .where(is_child, Run.uuid != RunTag.value, *self._conditions_on(Run, indexed=False))
            .group_by(RunTag.value)
        )
        return dict(execute(query))

    def _conditions_on(self, run: Any, *, indexed: bool) -> list[Expression]:
        experiment = run.experiment if indexed else without_index(run.experiment)
        conditions = []
        if self.experiments is not None and len(self.experiments) == 1:
            conditions.append(experiment == self.experiments[0])
        elif self.experiments is not None:
            conditions.append(experiment.in_(in_ids(self.experiments)))
        if self.deleted is not None:
            conditions.append(run.deleted == self.deleted)
        if self.deleted is not False:
            conditions.append(~run.purging)
        return conditions or [run.id.is_null(False)]

    def is_large(self) -> bool:
        """Return whether these experiments have more runs than are always sorted."""
        return self.has_more_than(ALWAYS_SORTED)

    def is_scanned(self, limit: int) -> bool:
        """Return whether runs in the order of time, of all experiments, are faster to go through.

        Those of several experiments have to be sorted, which takes twice as long for each; those
        of one come in their order. See `max_sorted`.

        Args:
            limit: runs that are to be found.
        """
        if self.experiments is not None and len(self.experiments) == 1:
            return False
        return self.has_more_than(max_sorted(limit // 2))

    def has_more_than(self, count: int) -> bool:
        """Return whether these experiments have more runs than that, deleted ones included."""
        if self.experiments is None:
            return True
        return _NTH_RUN.first(array_of(self.experiments), 1, count) is not None


def max_sorted(limit: int) -> int:
    """Return the number of found runs up to which sorting is faster than scanning for a page.

    Sorting m found runs of n looks at m runs. Scanning looks at n / m runs for each run of the
    page, if the found runs are spread evenly over the order. Both are equal at sqrt(n * limit).
    """
    (runs,) = _MAX_ID.first() or (None,)
    return max(ALWAYS_SORTED, isqrt(limit * (runs or 0)))
