"""Contents that are being uploaded to a bucket."""

_TABLE = """
CREATE TABLE staged_content (
    name varchar COLLATE "C" PRIMARY KEY,
    upload varchar(32) COLLATE "C",
    changed bigint NOT NULL,
    size bigint NOT NULL
)
"""


def up(migrator, db):  # type: ignore[no-untyped-def] # noqa: ARG001 # the form playhouse.migrations calls
    db.execute_sql(_TABLE)
    db.execute_sql("CREATE UNIQUE INDEX staged_content_upload ON staged_content (upload)")
