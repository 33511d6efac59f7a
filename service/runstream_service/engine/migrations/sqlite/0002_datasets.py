"""Datasets, and what they were to runs."""

from peewee import SQL, AutoField, CompositeKey, ForeignKeyField, Model, TextField


def up(migrator, db):  # type: ignore[no-untyped-def] # noqa: ARG001 # the form playhouse.migrations calls
    class Table(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class Experiment(Table):
        id = AutoField()

    class Run(Table):
        id = AutoField()

    class Dataset(Table):
        id = AutoField()
        experiment = ForeignKeyField(Experiment, on_delete="CASCADE", index=False)
        name = TextField()
        digest = TextField()
        source_type = TextField()
        source = TextField()
        schema = TextField()
        profile = TextField()

        class Meta:
            constraints = (SQL("UNIQUE (experiment_id, name, digest)"),)

    class Input(Table):
        id = AutoField()
        run = ForeignKeyField(Run, on_delete="CASCADE", index=False)
        dataset = ForeignKeyField(Dataset, on_delete="CASCADE")

        class Meta:
            constraints = (SQL("UNIQUE (run_id, dataset_id)"),)

    class InputTag(Table):
        input = ForeignKeyField(Input, on_delete="CASCADE", index=False)
        key = TextField()
        value = TextField()

        class Meta:
            primary_key = CompositeKey("input", "key")
            without_rowid = True

    db.create_tables([Dataset, Input, InputTag], safe=False)
