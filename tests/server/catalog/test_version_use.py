"""What versions of registered models use stays: row Q4 of docs/behaviour.md."""

from __future__ import annotations

import pytest
from grpc import StatusCode

from runstream.v1 import model_registry_service_pb2 as pb
from runstream.v1.artifact_service_pb2 import DeleteArtifactsRequest
from runstream.v1.experiment_purge_pb2 import PurgeExperimentRequest, PurgeExperimentResponse
from runstream.v1.logged_model_service_pb2 import DeleteLoggedModelRequest
from runstream.v1.run_moves_pb2 import MoveRunsRequest
from support.api import Api, expect_refusal
from support.artifacts import download, upload
from support.purging import delete_experiment, delete_runs, purge
from support.registry import add_version, get_version, register

IN_USE = (StatusCode.FAILED_PRECONDITION, "MODEL_VERSIONS_USE_IT")


def create_used_run(api: Api, experiment_id: str = "") -> str:
    """Create a run with files, and a version `m/1` that has some of them."""
    run_id = api.create_run(experiment_id)
    for path in ("a/model/MLmodel", "a/model/data/weights", "a/other", "notes"):
        upload(api, run_id, path, path.encode())
    register(api, "m")
    add_version(api, "m", f"runs:/{run_id}/a/model")
    return run_id


def delete_version(api: Api) -> None:
    api.registry.DeleteModelVersion(pb.DeleteModelVersionRequest(name="m", version="1"))


def empty_bin(api: Api, experiment_id: str, *run_ids: str) -> PurgeExperimentResponse:
    request = PurgeExperimentRequest(experiment_id=experiment_id, run_ids=run_ids)
    return api.maintenance.PurgeExperiment(request, timeout=60)


@pytest.mark.parametrize(
    "path", ["", "a", "a/model", "a/model/MLmodel", "a/model/data", "a/model/data/weights"]
)
def test_files_of_a_version_are_not_deleted(api: Api, path: str) -> None:
    run_id = create_used_run(api)
    request = DeleteArtifactsRequest(run_id=run_id, path=path)
    with expect_refusal(*IN_USE) as refusal:
        api.artifacts.DeleteArtifacts(request)
    assert "m/1" in refusal.message
    for other in ("a/other", "notes"):
        api.artifacts.DeleteArtifacts(DeleteArtifactsRequest(run_id=run_id, path=other))
    delete_version(api)
    api.artifacts.DeleteArtifacts(request)


def test_a_logged_model_of_a_version_is_not_deleted(api: Api) -> None:
    model_id = api.create_model()
    upload(api, model_id, "MLmodel", b"x")
    register(api, "m")
    add_version(api, "m", f"models:/{model_id}")
    request = DeleteLoggedModelRequest(model_id=model_id)
    with expect_refusal(*IN_USE) as refusal:
        api.models.DeleteLoggedModel(request)
    assert "m/1" in refusal.message
    delete_version(api)
    api.models.DeleteLoggedModel(request)


def test_a_deleted_run_of_a_version_can_be_loaded_and_is_not_purged(api: Api) -> None:
    run_id, unused = create_used_run(api), api.create_run()
    delete_runs(api, run_id, unused)
    for dry_run in (True, False):
        purged = purge(api, dry_run=dry_run)
        assert (purged.runs, purged.artifacts, purged.model_versions) == (1, 0, 1)
    assert download(api, run_id, "a/model/MLmodel") == b"a/model/MLmodel"
    assert get_version(api, "m", 1).run_id == run_id
    delete_version(api)
    assert (purge(api).runs, purge(api).model_versions) == (1, 0)


def test_a_deleted_experiment_of_a_version_is_not_purged(api: Api) -> None:
    experiment = api.create_experiment("e")
    run_id = create_used_run(api, experiment)
    delete_experiment(api, experiment)
    for dry_run in (True, False):
        purged = purge(api, dry_run=dry_run)
        assert (purged.experiments, purged.runs, purged.model_versions) == (0, 0, 1)
    with expect_refusal(*IN_USE):
        empty_bin(api, experiment)
    assert download(api, run_id, "a/model/MLmodel") == b"a/model/MLmodel"
    delete_version(api)
    purged = purge(api)
    assert (purged.experiments, purged.runs, purged.model_versions) == (1, 1, 0)


def test_an_experiment_whose_model_has_a_version_is_not_purged(api: Api) -> None:
    experiment = api.create_experiment("e")
    model_id = api.create_model(experiment)
    upload(api, model_id, "MLmodel", b"x")
    register(api, "m")
    add_version(api, "m", f"models:/{model_id}")
    delete_experiment(api, experiment)
    purged = purge(api)
    assert (purged.experiments, purged.logged_models, purged.model_versions) == (0, 0, 1)
    delete_version(api)
    purged = purge(api)
    assert (purged.experiments, purged.logged_models) == (1, 1)


def test_the_bin_of_an_experiment_keeps_what_versions_use(api: Api) -> None:
    run_id, unused = create_used_run(api), api.create_run()
    delete_runs(api, run_id, unused)
    with expect_refusal(*IN_USE) as refusal:
        empty_bin(api, "0", run_id)
    assert "m/1" in refusal.message
    assert empty_bin(api, "0") == PurgeExperimentResponse(done=True, runs=1, model_versions=1)
    delete_version(api)
    assert empty_bin(api, "0", run_id).runs == 1


def test_a_version_follows_its_run_to_another_experiment(api: Api) -> None:
    run_id, target = create_used_run(api), api.create_experiment("target")
    api.runs.MoveRuns(MoveRunsRequest(run_ids=[run_id], experiment_id=target))
    version = get_version(api, "m", 1)
    assert (version.experiment_id, version.run_id) == (target, run_id)
    uri = api.registry.GetModelVersionDownloadUri(
        pb.GetModelVersionDownloadUriRequest(name="m", version="1")
    ).artifact_uri
    assert uri == f"mlflow-artifacts:/0/{run_id}/artifacts/a/model"
