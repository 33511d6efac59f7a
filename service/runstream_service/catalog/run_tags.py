"""The tags of runs, one of which is the name of the run (R3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from peewee import EXCLUDED

from runstream_service.engine import changes
from runstream_service.engine.numbers import parse_number
from runstream_service.engine.statements import MultiRowInsert, Statement
from runstream_service.engine.tables import Run, RunTag

NAME_TAG = "mlflow.runName"

_TAGS = MultiRowInsert(
    [RunTag.run, RunTag.key, RunTag.value, RunTag.number],
    lambda insert: insert.on_conflict(
        conflict_target=[RunTag.run, RunTag.key],
        update={RunTag.value: EXCLUDED.value, RunTag.number: EXCLUDED.number},
    ),
)
_RENAME = Statement(Run.update(name="").where(Run.id == 0))


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
            _RENAME.run(value, run)
            changes.record_runs([run])


def _upsert(run: int, tags: Iterable[tuple[str, str]]) -> None:
    values: list[Any] = []
    # In the order of the table, which takes half the time if they are many.
    for key, value in sorted(dict(tags).items()):
        values += (run, key, value, parse_number(value))
    _TAGS.run(values)
