"""The model registry: registered models, their versions, tags and aliases."""

from peewee import (
    SQL,
    AutoField,
    BareField,
    BigIntegerField,
    BlobField,
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

    class RegisteredModel(Table):
        id = AutoField()
        name = TextField(unique=True)
        description = TextField()
        creation_time = BigIntegerField()
        last_update_time = BigIntegerField()
        created_by = TextField()
        last_version = BigIntegerField()

    class RegisteredModelTag(Table):
        owner = ForeignKeyField(RegisteredModel, on_delete="CASCADE", index=False)
        key = TextField()
        value = TextField()
        number = BareField(null=True)

        class Meta:
            primary_key = CompositeKey("owner", "key")
            without_rowid = True

    class ModelVersion(Table):
        id = AutoField()
        uuid = TextField(unique=True)
        registered_model = ForeignKeyField(RegisteredModel, on_delete="CASCADE", index=False)
        version = BigIntegerField()
        description = TextField()
        source = TextField()
        run = ForeignKeyField(Run, null=True, on_delete="RESTRICT")
        logged_model = ForeignKeyField(LoggedModel, null=True, on_delete="RESTRICT")
        artifact_path = TextField()
        source_run_id = TextField(index=True)
        run_link = TextField()
        stage = IntegerField()
        status = IntegerField()
        creation_time = BigIntegerField()
        last_update_time = BigIntegerField()
        created_by = TextField()

        class Meta:
            indexes = ((("registered_model", "version"), True),)

    class ModelVersionTag(Table):
        owner = ForeignKeyField(ModelVersion, on_delete="CASCADE", index=False)
        key = TextField()
        value = TextField()
        number = BareField(null=True)

        class Meta:
            primary_key = CompositeKey("owner", "key")
            without_rowid = True

    class RegisteredModelAlias(Table):
        owner = ForeignKeyField(RegisteredModel, on_delete="CASCADE", index=False)
        name = TextField()
        version = ForeignKeyField(ModelVersion, on_delete="CASCADE")

        class Meta:
            primary_key = CompositeKey("owner", "name")
            without_rowid = True

    class RegisteredModelWrite(Table):
        id = AutoField()
        owner = TextField()
        writer = BlobField()
        sequence = BigIntegerField()

        class Meta:
            constraints = (SQL("UNIQUE (owner, writer)"),)

    db.create_tables(
        [
            RegisteredModel,
            RegisteredModelTag,
            ModelVersion,
            ModelVersionTag,
            RegisteredModelAlias,
            RegisteredModelWrite,
        ],
        safe=False,
    )
