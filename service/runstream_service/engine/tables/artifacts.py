"""Files of runs, of logged models and of the artifact proxy, and their contents."""

from __future__ import annotations

from peewee import (
    AutoField,
    BigIntegerField,
    CharField,
    CompositeKey,
    ForeignKeyField,
    IntegerField,
    TextField,
)

from runstream_service.engine.tables.base import Table
from runstream_service.engine.tables.logged_models import LoggedModel
from runstream_service.engine.tables.runs import Run


class Blob(Table):
    """The content of one or more artifacts, which the storage has once, under `name`."""

    id = AutoField()
    sha256 = CharField(64, unique=True)
    name = TextField()
    size = BigIntegerField()


class OrphanBlob(Table):
    """The name of a content in the storage that no row of `Blob` has.

    Either the content is being stored, which began at the time `since`, or it is being removed,
    and `since` is 0. If the server ends before that is done, the row is left, so that a purge
    finds the content.
    """

    name = TextField(primary_key=True)
    since = BigIntegerField()

    class Meta:
        without_rowid = True


class StagedContent(Table):
    """The name of a content that is being uploaded to a bucket (`catalog/staged_contents.py`).

    Attributes:
        upload: the upload whose bytes it has; null while they are copied from another name, and
            after another name has taken the upload over.
        changed: when its upload was last seen to go on.
        size: bytes that were there then.
    """

    name = TextField(primary_key=True)
    upload = CharField(32, unique=True, null=True)
    changed = BigIntegerField()
    size = BigIntegerField()

    class Meta:
        without_rowid = True


class Artifact(Table):
    """A file of a run."""

    run = ForeignKeyField(Run, on_delete="CASCADE", index=False)
    path = TextField()
    blob = ForeignKeyField(Blob, on_delete="RESTRICT")
    upload_time = BigIntegerField()
    # The user who uploaded it, for whom its bytes count; null for nobody.
    uploaded_by = TextField(null=True)

    class Meta:
        primary_key = CompositeKey("run", "path")
        without_rowid = True


class ModelArtifact(Table):
    """A file of a logged model."""

    owner = ForeignKeyField(LoggedModel, on_delete="CASCADE", index=False)
    path = TextField()
    blob = ForeignKeyField(Blob, on_delete="RESTRICT")
    upload_time = BigIntegerField()
    uploaded_by = TextField(null=True)

    class Meta:
        primary_key = CompositeKey("owner", "path")
        without_rowid = True


class SharedArtifact(Table):
    """A file of the artifact proxy that belongs to no run and no model."""

    owner = IntegerField()  # always 0, the proxy
    path = TextField()
    blob = ForeignKeyField(Blob, on_delete="RESTRICT")
    upload_time = BigIntegerField()
    uploaded_by = TextField(null=True)

    class Meta:
        primary_key = CompositeKey("owner", "path")
        without_rowid = True


class StorageUse(Table):
    """How many bytes the files have that a user uploaded (`catalog/stored_bytes.py`)."""

    user_name = TextField(primary_key=True)
    bytes = BigIntegerField()

    class Meta:
        without_rowid = True
