"""Runs, their params and their tags."""

from __future__ import annotations

from peewee import (
    AutoField,
    BareField,
    BigIntegerField,
    BooleanField,
    CharField,
    CompositeKey,
    ForeignKeyField,
    IntegerField,
    TextField,
)

from runstream_service.engine.tables.base import Table
from runstream_service.engine.tables.experiments import Experiment


class Run(Table):
    """A run; clients call it by its `uuid` (their `run_id`), the other tables by its `id`."""

    experiment_id: int

    id = AutoField()
    uuid = CharField(32, unique=True)
    experiment = ForeignKeyField(Experiment, on_delete="CASCADE")
    name = TextField()
    user_id = TextField()
    status = IntegerField()
    start_time = BigIntegerField()
    end_time = BigIntegerField(null=True)
    artifact_uri = TextField()
    deleted = BooleanField(default=False)
    # Restoring an experiment restores the runs that were deleted with it, and no others (E3).
    deleted_with_experiment = BooleanField(default=False)
    # The internal id of the run with which this one was deleted, and will be restored.
    deleted_with_run = BigIntegerField(null=True)
    deleted_time = BigIntegerField(null=True)
    # A purge is removing the run: nothing finds or restores it any more.
    purging = BooleanField(default=False)
    # The time of the last heartbeat; null for a run that is not expected to send any.
    last_heartbeat = BigIntegerField(null=True)


class Param(Table):
    run = ForeignKeyField(Run, on_delete="CASCADE", index=False)
    key = TextField()
    value = TextField()
    # The number that the value is, as `parse_number` returns it; null if it is none.
    number = BareField(null=True)

    class Meta:
        primary_key = CompositeKey("run", "key")
        without_rowid = True


class RunTag(Table):
    run = ForeignKeyField(Run, on_delete="CASCADE", index=False)
    key = TextField()
    value = TextField()
    number = BareField(null=True)  # as in `Param`

    class Meta:
        primary_key = CompositeKey("run", "key")
        without_rowid = True
