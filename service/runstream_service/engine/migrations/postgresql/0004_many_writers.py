"""Several servers write: who appended points to a run last, and which tails wait to be sealed.

The row `artifact_proxy` is what a server locks that writes files of the artifact proxy.
"""

_STATEMENTS = """
ALTER TABLE run ADD COLUMN appended_by bigint;
CREATE INDEX tail_row_waiting ON tail_row (run_id) WHERE NOT is_rest;
INSERT INTO setting (name, value) VALUES ('artifact_proxy', '');
"""


def up(migrator, db):  # type: ignore[no-untyped-def] # noqa: ARG001 # the form playhouse.migrations calls
    for statement in _STATEMENTS.split(";"):
        if statement.strip():
            db.execute_sql(statement)
