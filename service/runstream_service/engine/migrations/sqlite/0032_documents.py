"""Documents of experiments: views and reports."""

from peewee import (
    AutoField,
    BigIntegerField,
    BlobField,
    BooleanField,
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

    class Document(Table):
        id = AutoField()
        uuid = TextField(unique=True)
        experiment = ForeignKeyField(Experiment, on_delete="CASCADE", index=False)
        kind = IntegerField()
        title = TextField()
        digest = BlobField()
        is_default = BooleanField()
        creation_time = BigIntegerField()
        last_update_time = BigIntegerField()
        created_by = TextField()
        last_updated_by = TextField()
        version = BigIntegerField()
        text = TextField()

        class Meta:
            indexes = ((("experiment", "kind", "title", "digest"), True),)

    db.create_tables([Document], safe=False)
