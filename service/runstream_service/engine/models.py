"""The tables, as Peewee models.

Times are integer milliseconds since the epoch. A model here is what the code works with today;
how the tables came to be is written in `migrations/`.
"""

from __future__ import annotations

from peewee import (
    SQL,
    AutoField,
    BareField,
    BigIntegerField,
    BlobField,
    BooleanField,
    CharField,
    CompositeKey,
    ForeignKeyField,
    IntegerField,
    Model,
    TextField,
)
from playhouse.pool import PooledSqliteDatabase

# The file and the pragmas are given when it is opened (engine/database.py).
database = PooledSqliteDatabase(None)

# SQLite stores NaN as NULL, which a primary key cannot hold, so NaN is this text; it sorts after
# all numbers. The column has no declared type, because REAL turns -0.0 into the integer 0.
# docs/decisions/0005-nan.md
NAN = "NaN"


class DoubleField(BareField):
    """Any double, exactly: NaN, the infinities and negative zero included."""

    def db_value(self, value: float | str | None) -> float | str | None:
        return NAN if value != value else value

    def python_value(self, value: float | str | None) -> float | None:
        return None if value is None else float(value)


class Table(Model):
    class Meta:
        database = database
        legacy_table_names = False


class Setting(Table):
    """What belongs to the database as a whole."""

    name = TextField(primary_key=True)
    value = BlobField()

    class Meta:
        without_rowid = True


class Experiment(Table):
    id = AutoField()
    name = TextField(unique=True)
    artifact_location = TextField()
    creation_time = BigIntegerField()
    last_update_time = BigIntegerField()
    deleted = BooleanField(default=False)
    deleted_time = BigIntegerField(null=True)
    # A purge is removing it: it is not found any more, and cannot be restored.
    purging = BooleanField(default=False)


class ExperimentTag(Table):
    experiment_id: int

    experiment = ForeignKeyField(Experiment, on_delete="CASCADE", index=False)
    key = TextField()
    value = TextField()

    class Meta:
        primary_key = CompositeKey("experiment", "key")
        without_rowid = True


class Run(Table):
    """A run; clients call it by its `uuid` (their `run_id`), the other tables by its `id`."""

    experiment_id: int

    id = AutoField()
    uuid = CharField(32, unique=True)
    experiment = ForeignKeyField(Experiment, on_delete="CASCADE")
    name = TextField()
    user_id = TextField()
    status = IntegerField()
    start_time = BigIntegerField()
    end_time = BigIntegerField(null=True)
    artifact_uri = TextField()
    deleted = BooleanField(default=False)
    # Restoring an experiment restores the runs that went with it, and no others (E3).
    deleted_with_experiment = BooleanField(default=False)
    # Restoring a run restores those that went with it: this is its internal id.
    deleted_with_run = BigIntegerField(null=True)
    deleted_time = BigIntegerField(null=True)
    # As that of an experiment.
    purging = BooleanField(default=False)
    # The time of the last heartbeat; null for a run that is not expected to send any.
    last_heartbeat = BigIntegerField(null=True)


class Param(Table):
    run = ForeignKeyField(Run, on_delete="CASCADE", index=False)
    key = TextField()
    value = TextField()
    # What `number_of` the value is, as it returns it.
    number = BareField(null=True)

    class Meta:
        primary_key = CompositeKey("run", "key")
        without_rowid = True


class RunTag(Table):
    run = ForeignKeyField(Run, on_delete="CASCADE", index=False)
    key = TextField()
    value = TextField()
    number = BareField(null=True)  # as that of a param

    class Meta:
        primary_key = CompositeKey("run", "key")
        without_rowid = True


class Write(Table):
    """The greatest sequence of a writer's writes to a run that was applied; ids grow with time."""

    id = AutoField()
    run = ForeignKeyField(Run, on_delete="CASCADE", index=False)
    writer = BlobField()
    sequence = BigIntegerField()

    class Meta:
        constraints = (SQL("UNIQUE (run_id, writer)"),)


class Series(Table):
    """One metric of one run, with a summary of its points.

    `last_*` is the latest point by M5. `min_value` and `max_value` leave NaN out; they are null
    while all values are NaN.
    """

    run_id: int

    id = AutoField()
    run = ForeignKeyField(Run, on_delete="CASCADE", index=False)
    key = TextField()
    count = BigIntegerField()
    last_step = BigIntegerField()
    last_timestamp = BigIntegerField()
    last_value = DoubleField()
    min_value = DoubleField(null=True)
    max_value = DoubleField(null=True)

    class Meta:
        constraints = (SQL("UNIQUE (run_id, key)"),)


class Point(Table):
    """Points, clustered by series and step, so that a history is read from consecutive pages.

    The whole row is the key: storing an identical point again stores nothing (M4).
    """

    series = ForeignKeyField(Series, on_delete="CASCADE", index=False)
    step = BigIntegerField()
    timestamp = BigIntegerField()
    value = DoubleField()

    class Meta:
        primary_key = CompositeKey("series", "step", "timestamp", "value")
        without_rowid = True


class Dataset(Table):
    """A dataset of an experiment; what was said first of its name and digest stands (P4)."""

    id = AutoField()
    experiment = ForeignKeyField(Experiment, on_delete="CASCADE", index=False)
    name = TextField()
    digest = TextField()
    source_type = TextField()
    source = TextField()
    schema = TextField()
    profile = TextField()

    class Meta:
        constraints = (SQL("UNIQUE (experiment_id, name, digest)"),)


class Input(Table):
    """The use of a dataset by a run."""

    id = AutoField()
    run = ForeignKeyField(Run, on_delete="CASCADE", index=False)
    dataset = ForeignKeyField(Dataset, on_delete="CASCADE")

    class Meta:
        constraints = (SQL("UNIQUE (run_id, dataset_id)"),)


class InputTag(Table):
    input = ForeignKeyField(Input, on_delete="CASCADE", index=False)
    key = TextField()
    value = TextField()

    class Meta:
        primary_key = CompositeKey("input", "key")
        without_rowid = True


class ModelInput(Table):
    """A model that a run read."""

    id = AutoField()
    run = ForeignKeyField(Run, on_delete="CASCADE", index=False)
    model_id = TextField()

    class Meta:
        constraints = (SQL("UNIQUE (run_id, model_id)"),)


class Output(Table):
    """A model that a run made."""

    id = AutoField()
    run = ForeignKeyField(Run, on_delete="CASCADE", index=False)
    model_id = TextField()
    step = BigIntegerField()

    class Meta:
        constraints = (SQL("UNIQUE (run_id, model_id)"),)


class Blob(Table):
    """Content that artifacts have, stored once, under `name` among the blobs of the server."""

    id = AutoField()
    sha256 = CharField(64, unique=True)
    name = TextField()
    size = BigIntegerField()


class OrphanBlob(Table):
    """The name of a content in the storage that no row of `Blob` has.

    Either the content is being stored, which began at the time `since`, or it is being removed,
    and `since` is 0. If the server ends before that is done, the row is what is left of it.
    """

    name = TextField(primary_key=True)
    since = BigIntegerField()

    class Meta:
        without_rowid = True


class Artifact(Table):
    """A file of a run."""

    run = ForeignKeyField(Run, on_delete="CASCADE", index=False)
    path = TextField()
    blob = ForeignKeyField(Blob, on_delete="RESTRICT")
    upload_time = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("run", "path")
        without_rowid = True


class LoggedModel(Table):
    """A model that training code logged; clients call it by its `uid` (their `model_id`)."""

    experiment_id: int

    id = AutoField()
    uid = CharField(34, unique=True)
    experiment = ForeignKeyField(Experiment, on_delete="CASCADE")
    name = TextField()
    model_type = TextField()
    source_run_id = TextField()
    status = IntegerField()
    creation_time = BigIntegerField()
    last_update_time = BigIntegerField()
    artifact_uri = TextField()
    deleted_time = BigIntegerField(null=True)


class LoggedModelParam(Table):
    owner = ForeignKeyField(LoggedModel, on_delete="CASCADE", index=False)
    key = TextField()
    value = TextField()

    class Meta:
        primary_key = CompositeKey("owner", "key")
        without_rowid = True


class LoggedModelTag(Table):
    owner = ForeignKeyField(LoggedModel, on_delete="CASCADE", index=False)
    key = TextField()
    value = TextField()

    class Meta:
        primary_key = CompositeKey("owner", "key")
        without_rowid = True


class ModelArtifact(Table):
    """A file of a logged model."""

    owner = ForeignKeyField(LoggedModel, on_delete="CASCADE", index=False)
    path = TextField()
    blob = ForeignKeyField(Blob, on_delete="RESTRICT")
    upload_time = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("owner", "path")
        without_rowid = True


class ModelMetric(Table):
    """A point of a run that says something of a logged model; `Point` has it, too."""

    id = AutoField()
    owner = ForeignKeyField(LoggedModel, on_delete="CASCADE", index=False)
    run = ForeignKeyField(Run, on_delete="CASCADE")
    key = TextField()
    step = BigIntegerField()
    timestamp = BigIntegerField()
    value = DoubleField()
    dataset_name = TextField()
    dataset_digest = TextField()

    class Meta:
        constraints = (
            SQL(
                "UNIQUE (owner_id, key, run_id, dataset_name, dataset_digest, "
                "step, timestamp, value)"
            ),
        )


class ExperimentWrite(Table):
    """As `Write`, to an experiment."""

    id = AutoField()
    owner = ForeignKeyField(Experiment, on_delete="CASCADE", index=False)
    writer = BlobField()
    sequence = BigIntegerField()

    class Meta:
        constraints = (SQL("UNIQUE (owner_id, writer)"),)


class ModelWrite(Table):
    """As `Write`, to a logged model."""

    id = AutoField()
    owner = ForeignKeyField(LoggedModel, on_delete="CASCADE", index=False)
    writer = BlobField()
    sequence = BigIntegerField()

    class Meta:
        constraints = (SQL("UNIQUE (owner_id, writer)"),)


class SharedArtifact(Table):
    """A file of the artifact proxy that is of no run and no model, by its path there."""

    owner = IntegerField()  # 0: all of them are of the proxy
    path = TextField()
    blob = ForeignKeyField(Blob, on_delete="RESTRICT")
    upload_time = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("owner", "path")
        without_rowid = True
