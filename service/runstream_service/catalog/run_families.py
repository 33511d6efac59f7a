"""Runs and the runs below them: their child runs, and theirs in turn."""

from __future__ import annotations

from typing import Any

from peewee import Select

from runstream_service.engine.statements import equals, ordered_join
from runstream_service.engine.tables import Run, RunTag
from runstream_service.search.scope import PARENT_TAG


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
