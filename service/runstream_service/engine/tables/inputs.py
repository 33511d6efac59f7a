"""Datasets and models that runs read, and models that runs made."""

from __future__ import annotations

from peewee import SQL, AutoField, BigIntegerField, CompositeKey, ForeignKeyField, TextField

from runstream_service.engine.tables.base import Table
from runstream_service.engine.tables.experiments import Experiment
from runstream_service.engine.tables.runs import Run


class Dataset(Table):
    """A dataset of an experiment; the first description of a name and digest is kept (P4)."""

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
