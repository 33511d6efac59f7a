"""Which run was deleted with which other one."""

from peewee import BigIntegerField, Model


def up(migrator, db):  # type: ignore[no-untyped-def] # the form playhouse.migrations calls
    migrator.migrate(migrator.add_column("run", "deleted_with_run", BigIntegerField(null=True)))

    class Run(Model):
        deleted_with_run = BigIntegerField(null=True)

        class Meta:
            database = db
            legacy_table_names = False

    with_another = Run.deleted_with_run.is_null(False)
    db.execute(Run.index(Run.deleted_with_run, where=with_another, name="run_by_deletion"))
