"""The tags of runs, one of which is the name of the run (R3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from peewee import EXCLUDED

from runstream.contract.run_names import NAME_TAG
from runstream.errors import NotFound
from runstream_service.engine import changes
from runstream_service.engine.numbers import parse_number
from runstream_service.engine.statements import (
    ANY_TEXTS,
    MultiRowInsert,
    Statement,
    array_of,
    in_ids,
    in_texts,
)
from runstream_service.engine.tables import Run, RunTag

_TAGS = MultiRowInsert(
    [RunTag.run, RunTag.key, RunTag.value, RunTag.number],
    lambda insert: insert.on_conflict(
        conflict_target=[RunTag.run, RunTag.key],
        update={RunTag.value: EXCLUDED.value, RunTag.number: EXCLUDED.number},
    ),
)
_SELECT_KEYS = Statement(
    RunTag.select(RunTag.key).where((RunTag.run == 0) & RunTag.key.in_(ANY_TEXTS))
)
_DELETE = Statement(RunTag.delete().where((RunTag.run == 0) & RunTag.key.in_(ANY_TEXTS)))
_RENAME = Statement(Run.update(name="").where(Run.id == 0))


def insert_tags(run: int, tags: Iterable[tuple[str, str]]) -> None:
    """Set tags of a run that has this name already."""
    _upsert(run, tags)


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


def set_tags_of(runs: Sequence[int], tags: Sequence[tuple[str, str]]) -> None:
    """Set the same tags of several runs; of a repeated key the last value stands."""
    pairs = sorted(dict(tags).items())
    values: list[Any] = []
    for run in sorted(runs):
        for key, value in pairs:
            values += (run, key, value, parse_number(value))
    _TAGS.run(values)
    if name := dict(tags).get(NAME_TAG):
        for run in runs:
            _RENAME.run(name, run)


def delete_tags_of(runs: Sequence[int], keys: Sequence[str]) -> None:
    """Delete tags of several runs, none of which is a name; of those that are not there nothing."""
    if keys:
        of_runs = RunTag.run.in_(in_ids(runs))
        RunTag.delete().where(of_runs & RunTag.key.in_(in_texts(keys))).execute()


def missing_tags(run: int, keys: Sequence[str]) -> list[str]:
    """Return those of some keys that are of no tag of a run."""
    present = {row[0] for row in _SELECT_KEYS.rows(run, array_of(keys))}
    return [key for key in keys if key not in present]


def delete_tags(run: int, keys: Sequence[str]) -> None:
    """Delete tags of a run, none of which is its name."""
    _DELETE.run(run, array_of(keys))


def tag_not_found_error(run_id: str, key: str) -> NotFound:
    """Return the error that says that a run has no such tag (P3)."""
    return NotFound(
        f"No tag with name: {key} in run with id {run_id}",
        reason="TAG_NOT_FOUND",
        field="key",
        value=key,
    )


def _upsert(run: int, tags: Iterable[tuple[str, str]]) -> None:
    values: list[Any] = []
    # In the order of the table, which takes half the time if they are many.
    for key, value in sorted(dict(tags).items()):
        values += (run, key, value, parse_number(value))
    _TAGS.run(values)
