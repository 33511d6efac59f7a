"""Chunks have their run, as rows of a tail do (engine/tables/metrics.py)."""


def up(migrator, db):  # type: ignore[no-untyped-def] # noqa: ARG001 # the form playhouse.migrations calls
    db.execute_sql("ALTER TABLE chunk ADD COLUMN run_id INTEGER NOT NULL DEFAULT 0")
    db.execute_sql("UPDATE chunk SET run_id = (SELECT run_id FROM series WHERE id = series_id)")
    # The run is before the data, so that it is read without those.
    db.execute_sql(
        "CREATE TABLE new_data (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,"
        " run_id INTEGER NOT NULL, checksum INTEGER NOT NULL, data BLOB NOT NULL)"
    )
    db.execute_sql(
        "INSERT INTO new_data SELECT chunk_data.id, coalesce(run_id, 0), checksum, data"
        " FROM chunk_data LEFT JOIN chunk ON data_id = chunk_data.id"
    )
    # The ids of chunks that are gone are not used again.
    db.execute_sql(
        "UPDATE sqlite_sequence SET seq = (SELECT seq FROM sqlite_sequence"
        " WHERE name = 'chunk_data') WHERE name = 'new_data'"
    )
    db.execute_sql("DROP TABLE chunk_data")
    db.execute_sql("ALTER TABLE new_data RENAME TO chunk_data")
