"""The last applied write of each writer (P3)."""

from __future__ import annotations

from peewee import SQL, AutoField, BigIntegerField, BlobField, ForeignKeyField

from runstream_service.engine.tables.base import Table
from runstream_service.engine.tables.experiments import Experiment
from runstream_service.engine.tables.logged_models import LoggedModel
from runstream_service.engine.tables.runs import Run


class Write(Table):
    """The last applied write of one writer to a run; the newest rows have the highest ids."""

    id = AutoField()
    run = ForeignKeyField(Run, on_delete="CASCADE", index=False)
    writer = BlobField()
    sequence = BigIntegerField()

    class Meta:
        constraints = (SQL("UNIQUE (run_id, writer)"),)


class ExperimentWrite(Table):
    """The last applied write of one writer to an experiment."""

    id = AutoField()
    owner = ForeignKeyField(Experiment, on_delete="CASCADE", index=False)
    writer = BlobField()
    sequence = BigIntegerField()

    class Meta:
        constraints = (SQL("UNIQUE (owner_id, writer)"),)


class ModelWrite(Table):
    """The last applied write of one writer to a logged model."""

    id = AutoField()
    owner = ForeignKeyField(LoggedModel, on_delete="CASCADE", index=False)
    writer = BlobField()
    sequence = BigIntegerField()

    class Meta:
        constraints = (SQL("UNIQUE (owner_id, writer)"),)
