"""An index by which runs are found that give no signs of life any more."""

from peewee import BigIntegerField, IntegerField, Model


def up(migrator, db):  # type: ignore[no-untyped-def] # noqa: ARG001 # the form playhouse.migrations calls
    class Run(Model):
        status = IntegerField()
        last_sign = BigIntegerField(null=True)

        class Meta:
            database = db
            legacy_table_names = False

    given = Run.last_sign.is_null(False)
    db.execute(Run.index(Run.status, Run.last_sign, where=given, name="run_by_sign"))
