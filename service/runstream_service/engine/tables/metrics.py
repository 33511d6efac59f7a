"""The points of metrics, of runs and of logged models."""

from __future__ import annotations

from peewee import (
    SQL,
    AutoField,
    BigIntegerField,
    BlobField,
    BooleanField,
    CompositeKey,
    ForeignKeyField,
    TextField,
)

from runstream_service.engine.tables.base import AutoIncrementField, DoubleField, Table
from runstream_service.engine.tables.logged_models import LoggedModel
from runstream_service.engine.tables.runs import Run


class ChunkData(Table):
    """The points of a chunk, compressed (`points/codec.py`).

    The tables of points have the run in every row, and every statement on them names it, so that an
    engine that distributes PostgreSQL can keep all points of a run on one machine.
    """

    id = AutoIncrementField()
    run_id = BigIntegerField()
    checksum = BigIntegerField()
    data = BlobField()


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


class Chunk(Table):
    """Where a chunk of a series is, and what is in it (`points/chunk_summary.py`).

    A chunk is inserted and deleted, and never changed. The chunks of a series do not overlap in the
    order of its points, so the first point tells them apart. The rows of a series are side by side
    and small, because thinning a long history reads all of them.
    """

    run_id = BigIntegerField()
    series = ForeignKeyField(Series, on_delete="CASCADE", index=False)
    first_step = BigIntegerField()
    first_timestamp = BigIntegerField()
    first_value = DoubleField()
    data_id = BigIntegerField()
    count = BigIntegerField()
    summary = BlobField()

    class Meta:
        primary_key = CompositeKey("series", "first_step", "first_timestamp", "first_value")
        without_rowid = True


class TailRow(Table):
    """Points of a run that are in no chunk yet, as they were logged (`points/tail_row.py`).

    A batch, of however many metrics, adds one row. The sealer makes chunks of them.

    Attributes:
        count: the points of the row.
        is_rest: whether the sealer left these points, because they are too few for chunks.
    """

    id = AutoIncrementField()
    run = ForeignKeyField(Run, on_delete="CASCADE")
    count = BigIntegerField()
    is_rest = BooleanField()
    checksum = BigIntegerField()
    data = BlobField()


class ModelMetric(Table):
    """A point that a run logged for a logged model; the series of the run has it, too."""

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
