"""Logged models and their files."""

from peewee import (
    AutoField,
    BigIntegerField,
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

    class Blob(Table):
        id = AutoField()

    class LoggedModel(Table):
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

        class Meta:
            primary_key = CompositeKey("owner", "key")
            without_rowid = True

    class LoggedModelTag(Table):
        owner = ForeignKeyField(LoggedModel, on_delete="CASCADE", index=False)
        key = TextField()
        value = TextField()

        class Meta:
            primary_key = CompositeKey("owner", "key")
            without_rowid = True

    class ModelArtifact(Table):
        owner = ForeignKeyField(LoggedModel, on_delete="CASCADE", index=False)
        path = TextField()
        blob = ForeignKeyField(Blob, on_delete="RESTRICT")
        upload_time = BigIntegerField()

        class Meta:
            primary_key = CompositeKey("owner", "path")
            without_rowid = True

    tables = [LoggedModel, LoggedModelParam, LoggedModelTag, ModelArtifact]
    db.create_tables(tables, safe=False)
