"""Logged models, their params and their tags."""

from __future__ import annotations

from peewee import (
    AutoField,
    BareField,
    BigIntegerField,
    CharField,
    CompositeKey,
    ForeignKeyField,
    IntegerField,
    TextField,
)

from runstream_service.engine.tables.base import Table
from runstream_service.engine.tables.experiments import Experiment


class LoggedModel(Table):
    """A model that training code logged; clients call it by its `uid` (their `model_id`)."""

    experiment_id: int

    id = AutoField()
    uid = CharField(34, unique=True)
    experiment = ForeignKeyField(Experiment, on_delete="CASCADE")
    name = TextField()
    model_type = TextField()
    source_run_id = TextField()
    status = IntegerField()
    creation_time = BigIntegerField()
    last_update_time = BigIntegerField()
    artifact_uri = TextField()
    deleted_time = BigIntegerField(null=True)


class LoggedModelParam(Table):
    owner = ForeignKeyField(LoggedModel, on_delete="CASCADE", index=False)
    key = TextField()
    value = TextField()
    number = BareField(null=True)  # as in `ExperimentTag`

    class Meta:
        primary_key = CompositeKey("owner", "key")
        without_rowid = True


class LoggedModelTag(Table):
    owner = ForeignKeyField(LoggedModel, on_delete="CASCADE", index=False)
    key = TextField()
    value = TextField()
    number = BareField(null=True)  # as in `ExperimentTag`

    class Meta:
        primary_key = CompositeKey("owner", "key")
        without_rowid = True
