"""The numbers that params and tags are, and indexes by which runs are found and ordered by them."""

from peewee import BareField, Model, TextField, fn

from runstream_service.engine.numbers import parse_number


def up(migrator, db):  # type: ignore[no-untyped-def] # the form playhouse.migrations calls
    class Table(Model):
        key = TextField()
        value = TextField()
        number = BareField(null=True)

        class Meta:
            database = db
            legacy_table_names = False

    class Param(Table):
        pass

    class RunTag(Table):
        pass

    db.register_function(parse_number, "text_number", 1, deterministic=True)
    for table, name in ((Param, "param"), (RunTag, "run_tag")):
        migrator.migrate(migrator.add_column(name, "number", BareField(null=True)))
        number = fn.text_number(table.value)
        table.update(number=number).where(number.is_null(False)).execute()
        # Most tags are no numbers, and take no room in it.
        there = table.number.is_null(False)
        index = table.index(
            table.key, table.number, table.value, where=there, name=f"{name}_by_number"
        )
        db.execute(index)
