"""Documents of experiments."""

from __future__ import annotations

from peewee import (
    AutoField,
    BigIntegerField,
    BlobField,
    BooleanField,
    ForeignKeyField,
    IntegerField,
    TextField,
)

from runstream_service.engine.tables.base import Table
from runstream_service.engine.tables.experiments import Experiment


class Document(Table):
    """A view of the web interface, or a report."""

    experiment_id: int

    id = AutoField()
    # What it is called in the contract.
    uuid = TextField(unique=True)
    experiment = ForeignKeyField(Experiment, on_delete="CASCADE", index=False)
    # A DocumentKind of catalog/documents.py.
    kind = IntegerField()
    # Empty for a view that only a link names.
    title = TextField()
    # SHA-256 of the text of a view without a title, of which each text is there once; else empty.
    digest = BlobField()
    is_default = BooleanField()
    creation_time = BigIntegerField()
    last_update_time = BigIntegerField()
    # Names of users; empty, if the server did not know who called.
    created_by = TextField()
    last_updated_by = TextField()
    version = BigIntegerField()
    # The last column: whoever reads the others alone need not pass over it.
    text = TextField()

    class Meta:
        indexes = ((("experiment", "kind", "title", "digest"), True),)
