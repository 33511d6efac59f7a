"""The numbers that params and tags of models and tags of experiments are, as in 0013 for runs."""

from peewee import BareField, Model, TextField, fn

from runstream_service.engine.numbers import parse_number


def up(migrator, db):  # type: ignore[no-untyped-def] # the form playhouse.migrations calls
    class Table(Model):
        value = TextField()
        number = BareField(null=True)

        class Meta:
            database = db
            legacy_table_names = False

    class ExperimentTag(Table):
        pass

    class LoggedModelParam(Table):
        pass

    class LoggedModelTag(Table):
        pass

    db.register_function(parse_number, "text_number", 1, deterministic=True)
    for table in (ExperimentTag, LoggedModelParam, LoggedModelTag):
        name = table._meta.table_name
        migrator.migrate(migrator.add_column(name, "number", BareField(null=True)))
        number = fn.text_number(table.value)
        table.update(number=number).where(number.is_null(False)).execute()
