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

from runstream_service.engine.tables.base import LongTextField, Table
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
    # The name of who deleted it, if the server knew it.
    deleted_by = TextField(null=True)
    # A purge is removing the run: nothing finds or restores it any more.
    purging = BooleanField(default=False)
    # The time of the last heartbeat; null for a run that is not expected to send any.
    last_heartbeat = BigIntegerField(null=True)
    # A random number that every later write to the run changes, so that what the run logged can be
    # kept under it (rpc/run_cache.py); null while the run goes on.
    revision = BigIntegerField(null=True)
    # The server that appended points last, by its row in the table `server`: what it keeps in
    # memory of the run is true (points/append.py). Null on SQLite, where there is one.
    appended_by = BigIntegerField(null=True)


class Param(Table):
    run = ForeignKeyField(Run, on_delete="CASCADE", index=False)
    key = TextField()
    value = LongTextField()
    number = BareField(null=True)  # as in `ExperimentTag`

    class Meta:
        primary_key = CompositeKey("run", "key")
        without_rowid = True


class RunTag(Table):
    run = ForeignKeyField(Run, on_delete="CASCADE", index=False)
    key = TextField()
    value = LongTextField()
    number = BareField(null=True)  # as in `ExperimentTag`

    class Meta:
        primary_key = CompositeKey("run", "key")
        without_rowid = True
