"""Settings of the whole database."""

from __future__ import annotations

from peewee import BlobField, TextField

from runstream_service.engine.tables.base import Table


class Setting(Table):
    """Settings of the whole database."""

    name = TextField(primary_key=True)
    value = BlobField()

    class Meta:
        without_rowid = True
