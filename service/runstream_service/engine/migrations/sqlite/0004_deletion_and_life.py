"""When runs and experiments were deleted, and when runs last gave a sign of life."""

import time

from peewee import BigIntegerField, BooleanField, Model


def up(migrator, db):  # type: ignore[no-untyped-def] # the form playhouse.migrations calls
    column = BigIntegerField(null=True)
    migrator.migrate(
        migrator.add_column("experiment", "deleted_time", column),
        migrator.add_column("run", "deleted_time", column),
        migrator.add_column("run", "last_sign", column),
    )

    class Table(Model):
        deleted = BooleanField()
        deleted_time = BigIntegerField(null=True)

        class Meta:
            database = db
            legacy_table_names = False

    class Experiment(Table):
        pass

    class Run(Table):
        pass

    # When things were deleted before is not known: for their age they are deleted today.
    now = time.time_ns() // 1_000_000
    Experiment.update(deleted_time=now).where(Experiment.deleted).execute()
    Run.update(deleted_time=now).where(Run.deleted).execute()
