"""Revisions of runs, under which readers keep what runs that ended logged."""

from peewee import SQL, BigIntegerField, IntegerField, Model


def up(migrator, db):  # type: ignore[no-untyped-def] # the form playhouse.migrations calls
    migrator.migrate(migrator.add_column("run", "revision", BigIntegerField(null=True)))

    class Run(Model):
        status = IntegerField()
        revision = BigIntegerField(null=True)

        class Meta:
            database = db
            legacy_table_names = False

    finished, failed, killed = 3, 4, 5
    ended = Run.status.in_([finished, failed, killed])
    db.execute(Run.update(revision=SQL("random()")).where(ended))
