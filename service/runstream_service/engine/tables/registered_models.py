"""The model registry: registered models, their versions, tags and aliases."""

from __future__ import annotations

from peewee import (
    SQL,
    AutoField,
    BareField,
    BigIntegerField,
    BlobField,
    CompositeKey,
    ForeignKeyField,
    IntegerField,
    TextField,
)

from runstream_service.engine.tables.base import Table
from runstream_service.engine.tables.logged_models import LoggedModel
from runstream_service.engine.tables.runs import Run


class RegisteredModel(Table):
    """A name under which versions of a model are found."""

    id = AutoField()
    name = TextField(unique=True)
    description = TextField()
    creation_time = BigIntegerField()
    last_update_time = BigIntegerField()
    # The name of a user; empty, if the server did not know who called.
    created_by = TextField()
    # The highest number that a version has had; those after it are free.
    last_version = BigIntegerField()


class RegisteredModelTag(Table):
    owner = ForeignKeyField(RegisteredModel, on_delete="CASCADE", index=False)
    key = TextField()
    value = TextField()
    number = BareField(null=True)  # as in `ExperimentTag`

    class Meta:
        primary_key = CompositeKey("owner", "key")
        without_rowid = True


class ModelVersion(Table):
    """A version of a registered model: files of a run, or of a logged model."""

    registered_model_id: int
    run_id: int | None
    logged_model_id: int | None

    id = AutoField()
    # Derived from the name of the write that created it, so that it can be sent again.
    uuid = TextField(unique=True)
    registered_model = ForeignKeyField(RegisteredModel, on_delete="CASCADE", index=False)
    version = BigIntegerField()
    description = TextField()
    # What it was created from, as the contract says it.
    source = TextField()
    # One of the two has the files, and cannot be purged while there is the version.
    run = ForeignKeyField(Run, null=True, on_delete="RESTRICT")
    logged_model = ForeignKeyField(LoggedModel, null=True, on_delete="RESTRICT")
    # Where they are below its artifacts; empty for all of these.
    artifact_path = TextField()
    # The run that made it, which may be of another server if a logged model has the files.
    source_run_id = TextField(index=True)
    run_link = TextField()
    # A Stage of catalog/model_stages.py.
    stage = IntegerField()
    # A ModelVersionStatus of the contract.
    status = IntegerField()
    creation_time = BigIntegerField()
    last_update_time = BigIntegerField()
    created_by = TextField()

    class Meta:
        indexes = ((("registered_model", "version"), True),)


class ModelVersionTag(Table):
    owner = ForeignKeyField(ModelVersion, on_delete="CASCADE", index=False)
    key = TextField()
    value = TextField()
    number = BareField(null=True)  # as in `ExperimentTag`

    class Meta:
        primary_key = CompositeKey("owner", "key")
        without_rowid = True


class RegisteredModelAlias(Table):
    """A name for a version, which can be given to another one."""

    owner_id: int
    version_id: int

    owner = ForeignKeyField(RegisteredModel, on_delete="CASCADE", index=False)
    name = TextField()
    version = ForeignKeyField(ModelVersion, on_delete="CASCADE")

    class Meta:
        primary_key = CompositeKey("owner", "name")
        without_rowid = True


class RegisteredModelWrite(Table):
    """The last applied write of one writer to the registered model of a name.

    It is of the name, so that a deletion or renaming that is sent again is known, too.
    """

    id = AutoField()
    owner = TextField()
    writer = BlobField()
    sequence = BigIntegerField()

    class Meta:
        constraints = (SQL("UNIQUE (owner, writer)"),)
