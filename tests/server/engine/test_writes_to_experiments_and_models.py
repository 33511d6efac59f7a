"""What P3 says of runs holds for experiments and logged models, too."""

from __future__ import annotations

import secrets
import sqlite3
from contextlib import closing
from typing import NamedTuple

import pytest
from grpc import StatusCode

from runstream.v1 import experiment_service_pb2 as experiments
from runstream.v1 import logged_model_service_pb2 as models
from runstream.v1.logged_model_pb2 import (
    LOGGED_MODEL_READY,
    LOGGED_MODEL_UPLOAD_FAILED,
    LoggedModelTag,
)
from runstream.v1.maintenance_service_pb2 import PurgeRequest
from runstream.v1.write_pb2 import WriteId
from runstream_service.engine.applied_writes import WRITERS
from support.api import Api, expect_refusal
from support.server_process import ServerProcess


def write(sequence: int = 1, writer: str = "") -> WriteId:
    return WriteId(writer=writer or secrets.token_hex(16), sequence=sequence)


class Experiments(NamedTuple):
    """An experiment whose tags are written."""

    api: Api
    owner: str

    def tags(self) -> dict[str, str]:
        request = experiments.GetExperimentRequest(experiment_id=self.owner)
        found = self.api.experiments.GetExperiment(request).experiment
        return {tag.key: tag.value for tag in found.tags}

    def set_tag(self, value: str, name: WriteId, key: str = "t") -> None:
        self.api.experiments.SetExperimentTag(
            experiments.SetExperimentTagRequest(
                experiment_id=self.owner, key=key, value=value, write=name
            )
        )

    def delete_tag(self, name: WriteId) -> None:
        self.api.experiments.DeleteExperimentTag(
            experiments.DeleteExperimentTagRequest(experiment_id=self.owner, key="t", write=name)
        )

    def delete(self, name: WriteId) -> None:
        self.api.experiments.DeleteExperiment(
            experiments.DeleteExperimentRequest(experiment_id=self.owner, write=name)
        )

    def restore(self, name: WriteId) -> None:
        self.api.experiments.RestoreExperiment(
            experiments.RestoreExperimentRequest(experiment_id=self.owner, write=name)
        )

    def rename(self, new_name: str, name: WriteId) -> None:
        self.api.experiments.UpdateExperiment(
            experiments.UpdateExperimentRequest(
                experiment_id=self.owner, new_name=new_name, write=name
            )
        )


class Models(NamedTuple):
    """A logged model whose tags are written."""

    api: Api
    owner: str

    def tags(self) -> dict[str, str]:
        request = models.GetLoggedModelRequest(model_id=self.owner)
        found = self.api.models.GetLoggedModel(request).model
        return {tag.key: tag.value for tag in found.info.tags}

    def set_tag(self, value: str, name: WriteId, key: str = "t") -> None:
        self.api.models.SetLoggedModelTags(
            models.SetLoggedModelTagsRequest(
                model_id=self.owner, tags=[LoggedModelTag(key=key, value=value)], write=name
            )
        )

    def delete_tag(self, name: WriteId) -> None:
        self.api.models.DeleteLoggedModelTag(
            models.DeleteLoggedModelTagRequest(model_id=self.owner, tag_key="t", write=name)
        )

    def delete(self, name: WriteId) -> None:
        self.api.models.DeleteLoggedModel(
            models.DeleteLoggedModelRequest(model_id=self.owner, write=name)
        )


@pytest.fixture(params=["experiment", "model"])
def owner(request: pytest.FixtureRequest, api: Api) -> Experiments | Models:
    if request.param == "experiment":
        return Experiments(api, api.create_experiment("e"))
    return Models(api, api.create_model())


def test_a_tag_that_is_sent_again_does_not_replace_a_newer_one(owner: Experiments | Models) -> None:
    """P3."""
    name = write()
    owner.set_tag("old", name)
    owner.set_tag("new", write())
    owner.set_tag("old", name)
    assert owner.tags() == {"t": "new"}
    owner.set_tag("old", write())  # another write, and the last one
    assert owner.tags() == {"t": "old"}


def test_a_deletion_that_is_sent_again_deletes_no_newer_tag_and_is_no_error(
    owner: Experiments | Models,
) -> None:
    """P3."""
    name = write()
    with expect_refusal(StatusCode.NOT_FOUND, "TAG_NOT_FOUND"):
        owner.delete_tag(name)  # what was refused was not applied
    owner.set_tag("old", write())
    owner.delete_tag(name)
    owner.delete_tag(name)
    owner.set_tag("new", write())
    owner.delete_tag(name)
    assert owner.tags() == {"t": "new"}


def test_a_name_that_is_sent_again_does_not_replace_a_newer_one_whoever_has_it(api: Api) -> None:
    """P3."""
    renamed, other = Experiments(api, api.create_experiment("a")), api.create_experiment("o")
    name = write()
    renamed.rename("b", name)
    renamed.rename("c", write())
    renamed.rename("b", name)
    Experiments(api, other).rename("b", write())
    renamed.rename("b", name)
    request = experiments.GetExperimentByNameRequest(experiment_name="c")
    found = api.experiments.GetExperimentByName(request).experiment
    assert found.experiment_id == renamed.owner


def test_a_deletion_or_restoration_of_an_experiment_that_is_sent_again_changes_nothing(
    api: Api,
) -> None:
    """P3."""
    owner = Experiments(api, api.create_experiment("e"))
    delete, restore = write(), write()

    def stage() -> str:
        request = experiments.GetExperimentRequest(experiment_id=owner.owner)
        return api.experiments.GetExperiment(request).experiment.lifecycle_stage

    owner.delete(delete)
    owner.delete(delete)
    assert stage() == "deleted"
    owner.restore(restore)
    owner.restore(restore)
    owner.delete(delete)
    assert stage() == "active"
    owner.delete(write())
    owner.restore(restore)
    assert stage() == "deleted"


def test_the_status_and_the_deletion_of_a_model_that_are_sent_again_change_nothing(
    api: Api,
) -> None:
    """P3: the answer says what the model is."""
    owner = Models(api, api.create_model())
    failed = models.FinalizeLoggedModelRequest(
        model_id=owner.owner, status=LOGGED_MODEL_UPLOAD_FAILED, write=write()
    )
    api.models.FinalizeLoggedModel(failed)
    ready = models.FinalizeLoggedModelRequest(
        model_id=owner.owner, status=LOGGED_MODEL_READY, write=write()
    )
    now = api.models.FinalizeLoggedModel(ready).model
    assert api.models.FinalizeLoggedModel(failed).model == now
    assert now.info.status == LOGGED_MODEL_READY
    name = write()
    owner.delete(name)
    owner.delete(name)
    with expect_refusal(StatusCode.NOT_FOUND, "MODEL_NOT_FOUND"):
        owner.delete(write())


@pytest.mark.sqlite
def test_each_knows_its_last_100_writers_and_they_go_with_it(
    server: ServerProcess, api: Api
) -> None:
    """P3, E5: after a restart, too."""
    experiment = Experiments(api, api.create_experiment("e"))
    owners = (experiment, Models(api, api.create_model(experiment.owner)))
    steady = secrets.token_hex(16)
    for owner in owners:
        for number in range(WRITERS + 20):
            owner.set_tag(str(number), write(), "other")
            owner.set_tag("old", write(number + 1, steady))
        owner.set_tag("new", write())
    server.kill()
    server.restart()
    api.experiments.GetExperiment(
        experiments.GetExperimentRequest(experiment_id="0"), wait_for_ready=True
    )
    with closing(sqlite3.connect(server.database)) as database:

        def rows(table: str) -> int:
            return int(database.execute(f"SELECT count(*) FROM {table}").fetchone()[0])

        tables = ("experiment_write", "model_write")
        assert [rows(table) for table in tables] == [WRITERS, WRITERS]
        for owner in owners:
            owner.set_tag("old", write(WRITERS + 20, steady))
            assert owner.tags()["t"] == "new"
        experiment.delete(write())
        list(api.maintenance.Purge(PurgeRequest()))
        assert [rows(table) for table in tables] == [0, 0]
