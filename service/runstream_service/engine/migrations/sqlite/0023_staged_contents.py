"""Contents that are being uploaded to a bucket."""

from peewee import BigIntegerField, CharField, Model, TextField


def up(migrator, db):  # type: ignore[no-untyped-def] # noqa: ARG001 # the form playhouse.migrations calls
    class StagedContent(Model):
        name = TextField(primary_key=True)
        upload = CharField(32, unique=True, null=True)
        changed = BigIntegerField()
        size = BigIntegerField()

        class Meta:
            database = db
            legacy_table_names = False
            without_rowid = True

    db.create_tables([StagedContent], safe=False)
