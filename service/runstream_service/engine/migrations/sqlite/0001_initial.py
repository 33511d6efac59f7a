"""The first schema, and the experiment `Default` (E1)."""

import time

from peewee import (
    SQL,
    AutoField,
    BareField,
    BigIntegerField,
    BooleanField,
    CharField,
    CompositeKey,
    ForeignKeyField,
    IntegerField,
    Model,
    TextField,
)


def up(migrator, db):  # type: ignore[no-untyped-def] # noqa: ARG001 # the form playhouse.migrations calls
    class Table(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class Experiment(Table):
        id = AutoField()
        name = TextField(unique=True)
        artifact_location = TextField()
        creation_time = BigIntegerField()
        last_update_time = BigIntegerField()
        deleted = BooleanField()

    class ExperimentTag(Table):
        experiment = ForeignKeyField(Experiment, on_delete="CASCADE", index=False)
        key = TextField()
        value = TextField()

        class Meta:
            primary_key = CompositeKey("experiment", "key")
            without_rowid = True

    class Run(Table):
        id = AutoField()
        uuid = CharField(32, unique=True)
        experiment = ForeignKeyField(Experiment, on_delete="CASCADE")
        name = TextField()
        user_id = TextField()
        status = IntegerField()
        start_time = BigIntegerField()
        end_time = BigIntegerField(null=True)
        artifact_uri = TextField()
        deleted = BooleanField()
        deleted_with_experiment = BooleanField()

    class Param(Table):
        run = ForeignKeyField(Run, on_delete="CASCADE", index=False)
        key = TextField()
        value = TextField()

        class Meta:
            primary_key = CompositeKey("run", "key")
            without_rowid = True

    class RunTag(Table):
        run = ForeignKeyField(Run, on_delete="CASCADE", index=False)
        key = TextField()
        value = TextField()

        class Meta:
            primary_key = CompositeKey("run", "key")
            without_rowid = True

    class Series(Table):
        id = AutoField()
        run = ForeignKeyField(Run, on_delete="CASCADE", index=False)
        key = TextField()
        count = BigIntegerField()
        last_step = BigIntegerField()
        last_timestamp = BigIntegerField()
        last_value = BareField()
        least = BareField(null=True)
        greatest = BareField(null=True)

        class Meta:
            constraints = (SQL("UNIQUE (run_id, key)"),)

    class Point(Table):
        series = ForeignKeyField(Series, on_delete="CASCADE", index=False)
        step = BigIntegerField()
        timestamp = BigIntegerField()
        value = BareField()

        class Meta:
            primary_key = CompositeKey("series", "step", "timestamp", "value")
            without_rowid = True

    db.create_tables([Experiment, ExperimentTag, Run, Param, RunTag, Series, Point], safe=False)
    now = time.time_ns() // 1_000_000
    Experiment.insert(
        id=0,
        name="Default",
        artifact_location="mlflow-artifacts:/0",
        creation_time=now,
        last_update_time=now,
        deleted=False,
    ).execute()
