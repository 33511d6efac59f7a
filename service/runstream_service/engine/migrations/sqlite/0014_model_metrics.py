"""Metrics of logged models, models that runs read, and files of the proxy that are of no run."""

from peewee import (
    SQL,
    AutoField,
    BareField,
    BigIntegerField,
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

    class Run(Table):
        id = AutoField()

    class LoggedModel(Table):
        id = AutoField()

    class Blob(Table):
        id = AutoField()

    class ModelInput(Table):
        id = AutoField()
        run = ForeignKeyField(Run, on_delete="CASCADE", index=False)
        model_id = TextField()

        class Meta:
            constraints = (SQL("UNIQUE (run_id, model_id)"),)

    class ModelMetric(Table):
        id = AutoField()
        owner = ForeignKeyField(LoggedModel, on_delete="CASCADE", index=False)
        run = ForeignKeyField(Run, on_delete="CASCADE")
        key = TextField()
        step = BigIntegerField()
        timestamp = BigIntegerField()
        value = BareField()
        dataset_name = TextField()
        dataset_digest = TextField()

        class Meta:
            constraints = (
                SQL(
                    "UNIQUE (owner_id, key, run_id, dataset_name, dataset_digest, "
                    "step, timestamp, value)"
                ),
            )

    class SharedArtifact(Table):
        owner = IntegerField()
        path = TextField()
        blob = ForeignKeyField(Blob, on_delete="RESTRICT")
        upload_time = BigIntegerField()

        class Meta:
            primary_key = CompositeKey("owner", "path")
            without_rowid = True

    db.create_tables([ModelInput, ModelMetric, SharedArtifact], safe=False)
