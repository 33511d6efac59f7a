"""Indexes that order runs say which runs are deleted, and in which experiment they are.

So the runs of some experiments are found without a look at those of others.
"""


def up(migrator, db):  # type: ignore[no-untyped-def] # noqa: ARG001 # the form playhouse.migrations calls
    db.execute_sql("DROP INDEX run_by_experiment")
    db.execute_sql("DROP INDEX run_by_time")
    db.execute_sql(
        "CREATE INDEX run_by_experiment ON run (experiment_id, start_time DESC, uuid, deleted)"
    )
    db.execute_sql(
        "CREATE INDEX run_by_time ON run (start_time DESC, uuid, experiment_id, deleted)"
    )
