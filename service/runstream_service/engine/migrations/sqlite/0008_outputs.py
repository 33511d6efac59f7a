"""Models that runs made."""

from peewee import SQL, AutoField, BigIntegerField, ForeignKeyField, Model, TextField


def up(migrator, db):  # type: ignore[no-untyped-def] # noqa: ARG001 # the form playhouse.migrations calls
    class Table(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class Run(Table):
        id = AutoField()

    class Output(Table):
        id = AutoField()
        run = ForeignKeyField(Run, on_delete="CASCADE", index=False)
        model_id = TextField()
        step = BigIntegerField()

        class Meta:
            constraints = (SQL("UNIQUE (run_id, model_id)"),)

    db.create_tables([Output], safe=False)
