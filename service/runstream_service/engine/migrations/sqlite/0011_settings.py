"""What belongs to the database as a whole, and the first of it: the key that signs page tokens."""

import secrets

from peewee import BlobField, Model, TextField


def up(migrator, db):  # type: ignore[no-untyped-def] # noqa: ARG001 # the form playhouse.migrations calls
    class Setting(Model):
        name = TextField(primary_key=True)
        value = BlobField()

        class Meta:
            database = db
            legacy_table_names = False
            without_rowid = True

    db.create_tables([Setting], safe=False)
    Setting.insert(name="page_token_key", value=secrets.token_bytes(32)).execute()
