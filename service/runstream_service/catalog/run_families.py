"""Runs and the runs below them: their child runs, and theirs in turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from peewee import Select

from runstream.errors import ResourceExhausted
from runstream_service.engine.statements import equals, execute, in_texts, ordered_join
from runstream_service.engine.tables import Run, RunTag
from runstream_service.search.scope import PARENT_TAG

#: Runs, with those below them, of which one call does something.
MAX_RUNS = 10_000


def families(parents: Any, *, in_experiment: bool = False) -> Select:
    """Return the query of the internal ids of some runs and all runs below them.

    Args:
        parents: the condition of these runs.
        in_experiment: whether to leave out child runs of other experiments than that of their
            parent, and the runs below them.
    """
    names = ("id", "uuid", "experiment_id")
    roots = Run.select(Run.id, Run.uuid, Run.experiment).where(parents)
    family = roots.cte("family", recursive=True, columns=names)
    child = Run.alias()
    is_child = (RunTag.key == PARENT_TAG) & ~child.purging
    if in_experiment:
        is_child &= child.experiment == family.c.experiment_id
    # SQLite would go through the tags of all child runs for each run of the family.
    tags = ordered_join(family, RunTag, equals(RunTag.value, family.c.uuid))
    joined = ordered_join(tags, child, RunTag.run == child.id)
    children = Select([joined], [child.id, child.uuid, child.experiment]).where(is_child)
    return family.union(children).select_from(family.c.id)


def find_families(run_ids: Sequence[str]) -> list[int]:
    """Return the internal ids of some runs, and of those below them in their experiments.

    Raises:
        ResourceExhausted: they are too many.
    """
    found = families(Run.uuid.in_(in_texts(run_ids)), in_experiment=True).limit(MAX_RUNS + 1)
    ids = [row[0] for row in execute(found)]
    if len(ids) > MAX_RUNS:
        raise ResourceExhausted(
            f"with their child runs these are more than {MAX_RUNS:,} runs: name fewer at once",
            reason="TOO_MANY_RUNS",
            field="run_ids",
            limit=MAX_RUNS,
        )
    return ids
