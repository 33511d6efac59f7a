"""What belongs to the database as a whole."""

from __future__ import annotations

from peewee import BlobField, TextField

from runstream_service.engine.tables.base import Table


class Setting(Table):
    """What belongs to the database as a whole."""

    name = TextField(primary_key=True)
    value = BlobField()

    class Meta:
        without_rowid = True
