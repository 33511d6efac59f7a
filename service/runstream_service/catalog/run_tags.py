"""The tags of runs, one of which is the name of the run (R3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from peewee import EXCLUDED

from runstream_service.engine import changes
from runstream_service.engine.numbers import parse_number
from runstream_service.engine.statements import MultiRowInsert, compile_sql
from runstream_service.engine.tables import Run, RunTag, database

NAME_TAG = "mlflow.runName"

_TAGS = MultiRowInsert(
    [RunTag.run, RunTag.key, RunTag.value, RunTag.number],
    lambda insert: insert.on_conflict(
        conflict_target=[RunTag.run, RunTag.key],
        update={RunTag.value: EXCLUDED.value, RunTag.number: EXCLUDED.number},
    ),
)
_RENAME = compile_sql(Run.update(name="").where(Run.id == 0))


def insert_tags(run: int, tags: Mapping[str, str]) -> None:
    """Set tags of a run that has this name already."""
    _upsert(run, tags.items())


def effective_tags(tags: Sequence[tuple[str, str]]) -> Sequence[tuple[str, str]]:
    """Return the tags that are to be set: an empty name leaves the name as it is (R3)."""
    if (NAME_TAG, "") in tags:
        return [tag for tag in tags if tag != (NAME_TAG, "")]
    return tags


def set_tags(run: int, tags: Sequence[tuple[str, str]]) -> None:
    """Set tags of a run; of a repeated key the last value stands."""
    _upsert(run, tags)
    for key, value in tags:
        if key == NAME_TAG:
            database.execute_sql(_RENAME, (value, run))
            changes.record_runs([run])


def _upsert(run: int, tags: Iterable[tuple[str, str]]) -> None:
    values: list[Any] = []
    # In the order of the table, which takes half the time if they are many; of one key the last
    # stays the last.
    for key, value in sorted(tags, key=itemgetter(0)):
        values += (run, key, value, parse_number(value))
    _TAGS.run(values)
