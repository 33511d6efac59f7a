"""Which writes to experiments and to logged models were applied, as in 0010 for runs."""

from peewee import SQL, AutoField, BigIntegerField, BlobField, ForeignKeyField, Model


def up(migrator, db):  # type: ignore[no-untyped-def] # noqa: ARG001 # the form playhouse.migrations calls
    class Table(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class Experiment(Table):
        id = AutoField()

    class LoggedModel(Table):
        id = AutoField()

    class ExperimentWrite(Table):
        id = AutoField()
        owner = ForeignKeyField(Experiment, on_delete="CASCADE", index=False)
        writer = BlobField()
        sequence = BigIntegerField()

        class Meta:
            constraints = (SQL("UNIQUE (owner_id, writer)"),)

    class ModelWrite(Table):
        id = AutoField()
        owner = ForeignKeyField(LoggedModel, on_delete="CASCADE", index=False)
        writer = BlobField()
        sequence = BigIntegerField()

        class Meta:
            constraints = (SQL("UNIQUE (owner_id, writer)"),)

    db.create_tables([ExperimentWrite, ModelWrite], safe=False)
