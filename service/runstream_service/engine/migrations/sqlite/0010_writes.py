"""Which writes to runs were applied, so that they can be sent again."""

from peewee import SQL, AutoField, BigIntegerField, BlobField, ForeignKeyField, Model


def up(migrator, db):  # type: ignore[no-untyped-def] # noqa: ARG001 # the form playhouse.migrations calls
    class Table(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class Run(Table):
        id = AutoField()

    class Write(Table):
        id = AutoField()
        run = ForeignKeyField(Run, on_delete="CASCADE", index=False)
        writer = BlobField()
        sequence = BigIntegerField()

        class Meta:
            constraints = (SQL("UNIQUE (run_id, writer)"),)

    db.create_tables([Write], safe=False)
