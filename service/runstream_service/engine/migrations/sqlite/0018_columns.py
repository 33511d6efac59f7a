"""Points in compressed columns, in place of a row for each.

The points of an older database are moved before this runs (care/upgrade.py).
"""

from peewee import (
    SQL,
    AutoField,
    BareField,
    BigIntegerField,
    BlobField,
    BooleanField,
    CompositeKey,
    ForeignKeyField,
    Model,
    NodeList,
)


def up(migrator, db):  # type: ignore[no-untyped-def] # noqa: ARG001 # the form playhouse.migrations calls
    if db.execute_sql("SELECT EXISTS (SELECT 1 FROM point)").fetchone()[0]:
        raise RuntimeError("the points of this database were not moved")

    class AutoIncrementField(AutoField):
        def ddl(self, context):  # type: ignore[no-untyped-def] # as in tables/base.py
            return NodeList((super().ddl(context), SQL("AUTOINCREMENT")))

    class Table(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class Run(Table):
        id = AutoField()

    class Series(Table):
        id = AutoField()

    class ChunkData(Table):
        id = AutoIncrementField()
        checksum = BigIntegerField()
        data = BlobField()

    class Chunk(Table):
        series = ForeignKeyField(Series, on_delete="CASCADE", index=False)
        first_step = BigIntegerField()
        first_timestamp = BigIntegerField()
        first_value = BareField()
        data_id = BigIntegerField()
        count = BigIntegerField()
        summary = BlobField()

        class Meta:
            primary_key = CompositeKey("series", "first_step", "first_timestamp", "first_value")
            without_rowid = True

    class TailRow(Table):
        id = AutoIncrementField()
        run = ForeignKeyField(Run, on_delete="CASCADE")
        count = BigIntegerField()
        is_rest = BooleanField()
        checksum = BigIntegerField()
        data = BlobField()

    db.create_tables([ChunkData, Chunk, TailRow], safe=False)
    db.execute_sql("DROP TABLE point")
