"""The server that appended points to a run last, which only other databases know."""


def up(migrator, db):  # type: ignore[no-untyped-def] # noqa: ARG001 # the form playhouse.migrations calls
    db.execute_sql("ALTER TABLE run ADD COLUMN appended_by INTEGER")
