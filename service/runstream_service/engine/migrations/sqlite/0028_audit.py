"""The audit log."""

from peewee import AutoField, BigIntegerField, Model, TextField


def up(migrator, db):  # type: ignore[no-untyped-def] # noqa: ARG001 # the form playhouse.migrations calls
    class Table(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class AuditEntry(Table):
        id = AutoField()
        time = BigIntegerField(index=True)
        user_name = TextField()
        peer = TextField()
        method = TextField()
        subject = TextField()
        code = TextField()

    db.create_tables([AuditEntry], safe=False)
