"""Who uploaded artifacts, and how many bytes each user stores. What is there belongs to nobody."""

from peewee import BigIntegerField, Model, TextField


def up(migrator, db):  # type: ignore[no-untyped-def] # noqa: ARG001 # the form playhouse.migrations calls
    class StorageUse(Model):
        user_name = TextField(primary_key=True)
        bytes = BigIntegerField()

        class Meta:
            database = db
            legacy_table_names = False
            without_rowid = True

    for table in ("artifact", "model_artifact", "shared_artifact"):
        db.execute_sql(f"ALTER TABLE {table} ADD COLUMN uploaded_by TEXT")
    db.create_tables([StorageUse], safe=False)
