"""Who uploaded artifacts, and how many bytes each user stores. What is there belongs to nobody."""


def up(migrator, db):  # type: ignore[no-untyped-def] # noqa: ARG001 # the form playhouse.migrations calls
    for table in ("artifact", "model_artifact", "shared_artifact"):
        db.execute_sql(f'ALTER TABLE {table} ADD COLUMN uploaded_by varchar COLLATE "C"')
    db.execute_sql(
        'CREATE TABLE storage_use (user_name varchar COLLATE "C" PRIMARY KEY,'
        " bytes bigint NOT NULL)"
    )
