"""Who made a token. Of those that are there nobody knows."""


def up(migrator, db):  # type: ignore[no-untyped-def] # noqa: ARG001 # the form playhouse.migrations calls
    db.execute_sql("ALTER TABLE token ADD COLUMN created_by TEXT")
