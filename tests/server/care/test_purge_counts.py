"""What a purge says that it removes, and would remove, is what it removes: row E5."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import Any

import grpc
import pytest
from grpc import StatusCode
from hypothesis import given, settings
from hypothesis import strategies as st

from runstream.v1 import experiment_service_pb2 as experiments
from runstream.v1 import logged_model_service_pb2 as models
from runstream.v1 import run_service_pb2 as runs
from runstream.v1.artifact_service_pb2 import DeleteArtifactsRequest
from runstream.v1.logged_model_pb2 import LoggedModelParameter, LoggedModelStatus, LoggedModelTag
from runstream.v1.maintenance_service_pb2 import PurgeRequest, PurgeResponse
from runstream.v1.run_pb2 import RunTag
from runstream_service.search.scope import PARENT_TAG
from support.api import Api, expect_refusal, make_batch
from support.artifacts import download, files_below, upload
from support.server_process import ServerProcess

# Few of each, so that they meet.
WHICH = st.integers(0, 3)
STEPS = st.one_of(
    st.tuples(st.just("new experiment")),
    st.tuples(st.just("new run"), WHICH, st.none() | WHICH),
    st.tuples(st.just("new model"), WHICH),
    st.tuples(st.just("log"), WHICH, st.integers(1, 40)),
    st.tuples(st.sampled_from(["add to run", "add to model"]), WHICH, WHICH, WHICH),
    st.tuples(st.just("remove of run"), WHICH, WHICH),
    st.tuples(st.just("delete run"), WHICH, st.booleans()),
    st.tuples(
        st.sampled_from(
            ["restore run", "delete model", "delete experiment", "restore experiment", "purge"]
        ),
        WHICH,
    ),
)


class World:
    """A server, what was made on it, and what the steps do."""

    def __init__(self, server: ServerProcess, api: Api) -> None:
        self.server, self.api = server, api
        self.experiments: list[str] = ["0"]
        self.runs: list[str] = [api.create_run()]
        self.models: list[str] = [api.create_model()]
        self.moments = [0]

    def take(self, step: tuple[Any, ...]) -> None:
        name, *values = step
        try:
            getattr(self, name.replace(" ", "_"))(*values)
        except grpc.RpcError as error:  # of what is deleted, or not there any more
            refusals = StatusCode.FAILED_PRECONDITION, StatusCode.NOT_FOUND
            if error.code() not in refusals:
                raise
        self.moments.append(time.time_ns() // 1_000_000)

    def new_experiment(self) -> None:
        self.experiments.append(self.api.create_experiment(f"e{time.monotonic_ns()}"))

    def new_run(self, experiment: int, parent: int | None) -> None:
        request = runs.CreateRunRequest(experiment_id=of(self.experiments, experiment))
        if parent is not None:
            request.tags.append(RunTag(key=PARENT_TAG, value=of(self.runs, parent)))
        self.runs.append(self.api.runs.CreateRun(request).run.info.run_id)

    def new_model(self, experiment: int) -> None:
        self.models.append(self.api.create_model(of(self.experiments, experiment)))

    def log(self, run: int, points: int) -> None:
        rows = [("m", step, time.time_ns(), 0.5) for step in range(points)]
        self.api.log_batches([make_batch(of(self.runs, run), rows)])

    def add_to_run(self, run: int, path: int, content: int) -> None:
        upload(self.api, of(self.runs, run), f"{path}.txt", b"x" * (content + 1))

    def add_to_model(self, model: int, path: int, content: int) -> None:
        upload(self.api, of(self.models, model), f"{path}.txt", b"x" * (content + 1))

    def remove_of_run(self, run: int, path: int) -> None:
        request = DeleteArtifactsRequest(run_id=of(self.runs, run), path=f"{path}.txt")
        self.api.artifacts.DeleteArtifacts(request)

    def delete_run(self, run: int, with_children: bool) -> None:
        run_id = of(self.runs, run)
        self.api.runs.DeleteRun(runs.DeleteRunRequest(run_id=run_id, with_children=with_children))

    def restore_run(self, run: int) -> None:
        self.api.runs.RestoreRun(runs.RestoreRunRequest(run_id=of(self.runs, run)))

    def delete_model(self, model: int) -> None:
        request = models.DeleteLoggedModelRequest(model_id=of(self.models, model))
        self.api.models.DeleteLoggedModel(request)

    def delete_experiment(self, experiment: int) -> None:
        experiment_id = of(self.experiments, experiment)
        self.api.experiments.DeleteExperiment(
            experiments.DeleteExperimentRequest(experiment_id=experiment_id)
        )

    def restore_experiment(self, experiment: int) -> None:
        experiment_id = of(self.experiments, experiment)
        self.api.experiments.RestoreExperiment(
            experiments.RestoreExperimentRequest(experiment_id=experiment_id)
        )

    def restore_default(self) -> None:
        with suppress(grpc.RpcError):  # it may be active
            self.experiments = ["0"]
            self.restore_experiment(0)

    def purge(self, moment: int) -> None:
        """Purge what was deleted before some moment, or all."""
        before = {"deleted_before": of(self.moments, moment)} if moment else {}
        there = stored(self.server)
        expected = purge(self.api, dry_run=True, **before)
        assert stored(self.server) == there
        assert purge(self.api, **before) == expected
        assert difference(there, stored(self.server)) == expected
        nothing = PurgeResponse()
        assert purge(self.api, dry_run=True, **before) == purge(self.api, **before) == nothing
        assert len(self.files()) == stored(self.server).artifacts

    def files(self) -> list[str]:
        return files_below(self.server.database.with_name("artifacts"))


def of(names: list[Any], number: int) -> Any:
    """One of those made last."""
    return names[-1 - number % len(names)]


def purge(api: Api, **request: Any) -> PurgeResponse:
    *_, last = api.maintenance.Purge(PurgeRequest(**request))
    return last


def stored(server: ServerProcess) -> PurgeResponse:
    """What the database has that is not out of sight."""
    with closing(sqlite3.connect(server.database)) as database:

        def count(what: str, table: str) -> int:
            (found,) = database.execute(f"SELECT {what} FROM {table}").fetchone()
            return int(found or 0)

        return PurgeResponse(
            experiments=count("count(*)", "experiment WHERE NOT purging"),
            runs=count("count(*)", "run WHERE NOT purging"),
            points=count("sum(count)", "tail_row") + count("sum(count)", "chunk"),
            logged_models=count("count(*)", "logged_model"),
            artifacts=count("count(*)", "blob"),
            artifact_bytes=count("sum(size)", "blob"),
        )


def difference(before: PurgeResponse, after: PurgeResponse) -> PurgeResponse:
    fields = [field.name for field in PurgeResponse.DESCRIPTOR.fields]
    return PurgeResponse(**{f: getattr(before, f) - getattr(after, f) for f in fields})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    server = ServerProcess(tmp_path_factory.mktemp("purges") / "runs.db")
    yield server
    server.stop()


@settings(max_examples=25)
@given(steps=st.lists(STEPS, min_size=10, max_size=40))
def test_a_purge_removes_exactly_what_its_dry_run_counts(
    server: ServerProcess, connect: Callable[[str], Api], steps: list[tuple[Any, ...]]
) -> None:
    """E5: of any experiments, runs, models, files and deletions."""
    world = World(server, connect(server.address))
    for step in (*steps, ("purge", 0)):
        world.take(step)
    world.restore_default()


def test_files_of_a_live_model_are_not_counted(api: Api) -> None:
    purge(api)
    model = api.create_model()
    upload(api, model, "weights", b"live")
    assert purge(api, dry_run=True) == purge(api) == PurgeResponse()
    assert download(api, model, "weights") == b"live"


def test_the_models_of_the_newest_experiment_go_with_it(api: Api) -> None:
    purge(api)
    newest = api.create_experiment("newest")
    model, other = api.create_model(newest), api.create_model()
    upload(api, model, "weights", b"gone")
    request = experiments.DeleteExperimentRequest(experiment_id=newest)
    api.experiments.DeleteExperiment(request)
    said = PurgeResponse(experiments=1, logged_models=1, artifacts=1, artifact_bytes=4)
    assert purge(api, dry_run=True) == purge(api) == said
    with expect_refusal(StatusCode.NOT_FOUND, "MODEL_NOT_FOUND"):
        api.models.GetLoggedModel(models.GetLoggedModelRequest(model_id=model))
    found = api.models.SearchLoggedModels(
        models.SearchLoggedModelsRequest(experiment_ids=["0", newest], max_results=1_000)
    )
    assert other in {each.info.model_id for each in found.models}
    assert model not in {each.info.model_id for each in found.models}
    assert purge(api) == PurgeResponse()


def test_a_model_of_many_files_goes_in_steps(api: Api, server: ServerProcess) -> None:
    purge(api)
    model = api.create_model()
    upload(api, model, "0", b"many")
    with closing(sqlite3.connect(server.database)) as database, database:
        ((owner, blob),) = database.execute(
            "SELECT owner_id, blob_id FROM model_artifact "
            "WHERE owner_id = (SELECT id FROM logged_model WHERE uid = ?)",
            (model,),
        )
        database.executemany(
            "INSERT INTO model_artifact VALUES (?, ?, ?, 0, NULL)",
            ((owner, str(path), blob) for path in range(1, 12_000)),
        )
    api.models.DeleteLoggedModel(models.DeleteLoggedModelRequest(model_id=model))
    said = PurgeResponse(logged_models=1, artifacts=1, artifact_bytes=4)
    assert purge(api, dry_run=True) == purge(api) == said


def test_a_model_of_a_deleted_experiment_takes_nothing(api: Api) -> None:
    """E3."""
    experiment = api.create_experiment("of models")
    model = api.create_model(experiment)
    upload(api, model, "weights", b"x")
    request = experiments.DeleteExperimentRequest(experiment_id=experiment)
    api.experiments.DeleteExperiment(request)
    tags = [LoggedModelTag(key="a", value="b")]
    params = [LoggedModelParameter(key="a", value="b")]
    ready = LoggedModelStatus.LOGGED_MODEL_READY
    for write in (
        lambda: api.models.SetLoggedModelTags(
            models.SetLoggedModelTagsRequest(model_id=model, tags=tags)
        ),
        lambda: api.models.DeleteLoggedModelTag(
            models.DeleteLoggedModelTagRequest(model_id=model, tag_key="a")
        ),
        lambda: api.models.LogLoggedModelParams(
            models.LogLoggedModelParamsRequest(model_id=model, params=params)
        ),
        lambda: api.models.FinalizeLoggedModel(
            models.FinalizeLoggedModelRequest(model_id=model, status=ready)
        ),
        lambda: upload(api, model, "other", b"y"),
        lambda: api.artifacts.DeleteArtifacts(DeleteArtifactsRequest(run_id=model, path="weights")),
    ):
        with expect_refusal(StatusCode.FAILED_PRECONDITION, "EXPERIMENT_DELETED") as refusal:
            write()
        assert "must be in the 'active' state" in refusal.message
    assert download(api, model, "weights") == b"x"


def test_a_model_that_is_refused_is_not_there(api: Api, server: ServerProcess) -> None:
    there = stored(server).logged_models
    twice = [LoggedModelParameter(key="lr", value=value) for value in "12"]
    with expect_refusal(StatusCode.INVALID_ARGUMENT, "PARAM_IMMUTABLE"):
        api.models.CreateLoggedModel(models.CreateLoggedModelRequest(params=twice))
    assert stored(server).logged_models == there
