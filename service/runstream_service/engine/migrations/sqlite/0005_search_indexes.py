"""Indexes by which runs are found and ordered."""

from peewee import BareField, BigIntegerField, CharField, IntegerField, Model, TextField


def up(migrator, db):  # type: ignore[no-untyped-def] # the form playhouse.migrations calls
    class Table(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class Run(Table):
        uuid = CharField(32)
        experiment_id = IntegerField()
        start_time = BigIntegerField()

    class Param(Table):
        key = TextField()
        value = TextField()

    class RunTag(Table):
        key = TextField()
        value = TextField()

    class Series(Table):
        key = TextField()
        last_value = BareField()

    newest = Run.start_time.desc()
    for index in (
        Run.index(Run.experiment_id, newest, Run.uuid, name="run_by_experiment"),
        Run.index(newest, Run.uuid, name="run_by_time"),
        Param.index(Param.key, Param.value, name="param_by_value"),
        RunTag.index(RunTag.key, RunTag.value, name="run_tag_by_value"),
        Series.index(Series.key, Series.last_value, name="series_by_value"),
    ):
        db.execute(index)
    migrator.migrate(migrator.drop_index("run", "run_experiment_id"))  # run_by_experiment has it
