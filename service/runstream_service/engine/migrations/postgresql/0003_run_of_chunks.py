"""The tables of points and lines are keyed by run, and refer to no other table.

So an engine that distributes PostgreSQL can keep them by run (care/distribution.py).
"""

_STATEMENTS = (
    "ALTER TABLE chunk ADD COLUMN run_id bigint",
    "UPDATE chunk SET run_id = series.run_id FROM series WHERE series.id = series_id",
    "ALTER TABLE chunk ALTER run_id SET NOT NULL, DROP CONSTRAINT chunk_pkey,"
    " ADD PRIMARY KEY (run_id, series_id, first_step, first_timestamp, first_value)",
    "ALTER TABLE chunk_data ADD COLUMN run_id bigint",
    "UPDATE chunk_data SET run_id = chunk.run_id FROM chunk WHERE data_id = chunk_data.id",
    "UPDATE chunk_data SET run_id = 0 WHERE run_id IS NULL",  # of a damaged database
    "ALTER TABLE chunk_data ALTER run_id SET NOT NULL, DROP CONSTRAINT chunk_data_pkey,"
    " ADD PRIMARY KEY (run_id, id)",
    "ALTER TABLE tail_row DROP CONSTRAINT tail_row_run_id_fkey",
    "ALTER TABLE console_line DROP CONSTRAINT console_line_run_id_fkey",
)


def up(migrator, db):  # type: ignore[no-untyped-def] # noqa: ARG001 # the form playhouse.migrations calls
    for statement in _STATEMENTS:
        db.execute_sql(statement)
