"""Columns, a table and an index under the names that the field has for them."""

from peewee import BigIntegerField, IntegerField, Model


def up(migrator, db):  # type: ignore[no-untyped-def] # the form playhouse.migrations calls
    migrator.migrate(
        migrator.rename_column("run", "last_sign", "last_heartbeat"),
        migrator.rename_column("series", "least", "min_value"),
        migrator.rename_column("series", "greatest", "max_value"),
        migrator.rename_table("stray", "orphan_blob"),
        migrator.drop_index("run", "run_by_sign"),  # SQLite cannot rename an index
    )

    class Run(Model):
        status = IntegerField()
        last_heartbeat = BigIntegerField(null=True)

        class Meta:
            database = db
            legacy_table_names = False

    sends_heartbeats = Run.last_heartbeat.is_null(False)
    db.execute(
        Run.index(Run.status, Run.last_heartbeat, where=sends_heartbeats, name="run_by_heartbeat")
    )
