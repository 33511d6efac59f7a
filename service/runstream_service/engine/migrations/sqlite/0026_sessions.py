"""Sessions of the interface."""

from peewee import (
    AutoField,
    BigIntegerField,
    BlobField,
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

    class Token(Table):
        id = AutoField()

    class Session(Table):
        id = AutoField()
        digest = BlobField(unique=True)
        user_name = TextField()
        role = IntegerField()
        user_groups = TextField()
        token = ForeignKeyField(Token, null=True, on_delete="CASCADE")
        expiry_time = BigIntegerField(index=True)

    db.create_tables([Session], safe=False)
