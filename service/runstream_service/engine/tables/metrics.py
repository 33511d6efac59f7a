"""The points of metrics, of runs and of logged models."""

from __future__ import annotations

from peewee import SQL, AutoField, BigIntegerField, CompositeKey, ForeignKeyField, TextField

from runstream_service.engine.tables.base import DoubleField, Table
from runstream_service.engine.tables.logged_models import LoggedModel
from runstream_service.engine.tables.runs import Run


class Series(Table):
    """One metric of one run, with a summary of its points.

    `last_*` is the latest point by M5. `min_value` and `max_value` leave NaN out; they are null
    while all values are NaN.
    """

    run_id: int

    id = AutoField()
    run = ForeignKeyField(Run, on_delete="CASCADE", index=False)
    key = TextField()
    count = BigIntegerField()
    last_step = BigIntegerField()
    last_timestamp = BigIntegerField()
    last_value = DoubleField()
    min_value = DoubleField(null=True)
    max_value = DoubleField(null=True)

    class Meta:
        constraints = (SQL("UNIQUE (run_id, key)"),)


class Point(Table):
    """Points, clustered by series and step, so that a history is read from consecutive pages.

    The whole row is the key: storing an identical point again stores nothing (M4).
    """

    series = ForeignKeyField(Series, on_delete="CASCADE", index=False)
    step = BigIntegerField()
    timestamp = BigIntegerField()
    value = DoubleField()

    class Meta:
        primary_key = CompositeKey("series", "step", "timestamp", "value")
        without_rowid = True


class ModelMetric(Table):
    """A point that a run logged for a logged model; `Point` has it, too."""

    id = AutoField()
    owner = ForeignKeyField(LoggedModel, on_delete="CASCADE", index=False)
    run = ForeignKeyField(Run, on_delete="CASCADE")
    key = TextField()
    step = BigIntegerField()
    timestamp = BigIntegerField()
    value = DoubleField()
    dataset_name = TextField()
    dataset_digest = TextField()

    class Meta:
        constraints = (
            SQL(
                "UNIQUE (owner_id, key, run_id, dataset_name, dataset_digest, "
                "step, timestamp, value)"
            ),
        )
