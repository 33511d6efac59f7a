"""Who deleted experiments and runs."""


def up(migrator, db):  # type: ignore[no-untyped-def] # noqa: ARG001 # the form playhouse.migrations calls
    db.execute_sql('ALTER TABLE experiment ADD COLUMN deleted_by varchar COLLATE "C"')
    db.execute_sql('ALTER TABLE run ADD COLUMN deleted_by varchar COLLATE "C"')
