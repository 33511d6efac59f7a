"""Tokens, and grants on experiments."""

from peewee import (
    AutoField,
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

    class Experiment(Table):
        id = AutoField()

    class Token(Table):
        id = AutoField()
        user_name = TextField(index=True)
        description = TextField()
        digest = BlobField(unique=True)
        role = IntegerField()
        creation_time = BigIntegerField()
        expiry_time = BigIntegerField(null=True)
        revocation_time = BigIntegerField(null=True)
        last_use_time = BigIntegerField(null=True)

    class Grant(Table):
        experiment = ForeignKeyField(Experiment, on_delete="CASCADE", index=False)
        grantee = TextField()
        role = IntegerField()

        class Meta:
            table_name = "experiment_grant"
            primary_key = CompositeKey("experiment", "grantee")
            without_rowid = True
            indexes = ((("grantee", "experiment"), False),)

    db.create_tables([Token, Grant], safe=False)
