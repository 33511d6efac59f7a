"""The number of its last change is what a server knows by itself (engine/change_log.py)."""


def up(migrator, db):  # type: ignore[no-untyped-def] # noqa: ARG001 # the form playhouse.migrations calls
    db.execute_sql("ALTER TABLE server DROP COLUMN last_change")
