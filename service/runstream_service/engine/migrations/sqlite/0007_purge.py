"""Whether a purge is removing a run or an experiment."""

from peewee import SQL, BooleanField


def up(migrator, db):  # type: ignore[no-untyped-def] # noqa: ARG001 # the form playhouse.migrations calls
    # With a default of the database, no row has to be written.
    column = BooleanField(null=True, constraints=[SQL("DEFAULT 0")])
    migrator.migrate(
        migrator.add_column("experiment", "purging", column),
        migrator.add_column("run", "purging", column),
    )
