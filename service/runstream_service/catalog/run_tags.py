"""The tags of runs, one of which is the name of the run (R3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from peewee import EXCLUDED

from runstream_service.engine import changes
from runstream_service.engine.models import Run, RunTag, database
from runstream_service.engine.numbers import number_of
from runstream_service.engine.statements import compile_sql, run_for_each

NAME_TAG = "mlflow.runName"

_UPSERT = compile_sql(
    RunTag.insert_many(
        [(0, "", "", 0)], [RunTag.run, RunTag.key, RunTag.value, RunTag.number]
    ).on_conflict(
        conflict_target=[RunTag.run, RunTag.key],
        update={RunTag.value: EXCLUDED.value, RunTag.number: EXCLUDED.number},
    )
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
            changes.runs_changed([run])


def _upsert(run: int, tags: Iterable[tuple[str, str]]) -> None:
    run_for_each(_UPSERT, ((run, key, value, number_of(value)) for key, value in tags))
