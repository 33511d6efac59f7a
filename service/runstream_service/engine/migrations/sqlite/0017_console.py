"""The consoles of runs."""

from peewee import (
    AutoField,
    BigIntegerField,
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

    class Run(Table):
        id = AutoField()

    class ConsoleLine(Table):
        run = ForeignKeyField(Run, on_delete="CASCADE", index=False)
        number = BigIntegerField()
        stream = IntegerField()
        timestamp = BigIntegerField()
        text = TextField()
        writer = BigIntegerField()
        sequence = BigIntegerField()

        class Meta:
            primary_key = CompositeKey("run", "number")
            without_rowid = True
            indexes = ((("run", "writer", "sequence"), True),)

    class Console(Table):
        run = ForeignKeyField(Run, on_delete="CASCADE", primary_key=True)
        last_number = BigIntegerField()
        head_end = BigIntegerField(null=True)
        head_bytes = BigIntegerField()
        tail_bytes = BigIntegerField()

    db.create_tables([ConsoleLine, Console], safe=False)
