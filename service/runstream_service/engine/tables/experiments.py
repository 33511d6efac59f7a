"""Experiments and their tags."""

from __future__ import annotations

from peewee import (
    AutoField,
    BareField,
    BigIntegerField,
    BooleanField,
    CompositeKey,
    ForeignKeyField,
    TextField,
)

from runstream_service.engine.tables.base import Table


class Experiment(Table):
    id = AutoField()
    name = TextField(unique=True)
    artifact_location = TextField()
    creation_time = BigIntegerField()
    last_update_time = BigIntegerField()
    deleted = BooleanField(default=False)
    deleted_time = BigIntegerField(null=True)
    # The name of who deleted it, if the server knew it.
    deleted_by = TextField(null=True)
    # A purge is removing the experiment: nothing finds or restores it any more.
    purging = BooleanField(default=False)


class ExperimentTag(Table):
    experiment_id: int

    experiment = ForeignKeyField(Experiment, on_delete="CASCADE", index=False)
    key = TextField()
    value = TextField()
    # The number that the value is, as `parse_number` returns it; null if it is none.
    number = BareField(null=True)

    class Meta:
        primary_key = CompositeKey("experiment", "key")
        without_rowid = True
