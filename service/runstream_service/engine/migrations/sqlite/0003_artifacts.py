"""Files of runs, and the contents that they have."""

from peewee import (
    AutoField,
    BigIntegerField,
    CharField,
    CompositeKey,
    ForeignKeyField,
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

    class Blob(Table):
        id = AutoField()
        sha256 = CharField(64, unique=True)
        name = TextField()
        size = BigIntegerField()

    class Stray(Table):
        name = TextField(primary_key=True)
        since = BigIntegerField()

        class Meta:
            without_rowid = True

    class Artifact(Table):
        run = ForeignKeyField(Run, on_delete="CASCADE", index=False)
        path = TextField()
        blob = ForeignKeyField(Blob, on_delete="RESTRICT")
        upload_time = BigIntegerField()

        class Meta:
            primary_key = CompositeKey("run", "path")
            without_rowid = True

    db.create_tables([Blob, Stray, Artifact], safe=False)
