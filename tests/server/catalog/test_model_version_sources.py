"""What a version can be created from: row Q3 of docs/behaviour.md.

The refused sources are those of the advisories on MLflow's registry, with their numbers,
and their kin.
"""

from __future__ import annotations

import secrets

import pytest
from grpc import StatusCode

from runstream.v1.experiment_service_pb2 import CreateExperimentRequest
from runstream.v1.logged_model_service_pb2 import GetLoggedModelRequest
from runstream.v1.run_service_pb2 import DeleteRunRequest, GetRunRequest
from support.api import Api, expect_refusal
from support.artifacts import upload
from support.registry import add_version, register

INVALID = StatusCode.INVALID_ARGUMENT


@pytest.fixture(scope="module")
def name(shared: Api) -> str:
    """A registered model."""
    return register(shared, f"model {secrets.token_hex(8)}")


@pytest.fixture(scope="module")
def run_id(shared: Api) -> str:
    """A run with two files."""
    run_id = shared.create_run()
    upload(shared, run_id, "deep/model/MLmodel", b"x")
    upload(shared, run_id, "single.bin", b"x")
    return run_id


@pytest.fixture(scope="module")
def model_id(shared: Api) -> str:
    """A logged model with a file."""
    model_id = shared.create_model()
    upload(shared, model_id, "MLmodel", b"x")
    return model_id


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("runs:/RUN/deep/model", "deep/model"),
        ("runs:/RUN/deep/model/", "deep/model"),
        ("runs:/RUN/single.bin", "single.bin"),
        ("runs:/RUN", ""),
        ("mlflow-artifacts:/0/RUN/artifacts/deep/model", "deep/model"),
        ("mlflow-artifacts:/0/RUN/artifacts", ""),
    ],
)
def test_files_of_a_run_are_a_source(
    shared: Api, name: str, run_id: str, source: str, path: str
) -> None:
    source = source.replace("RUN", run_id)
    for named in ("", run_id):
        version = add_version(shared, name, source, named)
        assert (version.run_id, version.model_id, version.artifact_path) == (run_id, "", path)
        assert version.source == source.removesuffix("/")


def test_a_logged_model_is_a_source(shared: Api, name: str, model_id: str) -> None:
    uri = shared.models.GetLoggedModel(GetLoggedModelRequest(model_id=model_id))
    for source in (f"models:/{model_id}", uri.model.info.artifact_uri):
        for named in ("", model_id):
            version = add_version(shared, name, source, model_id=named)
            assert (version.model_id, version.artifact_path) == (model_id, "")


TRICKS = [
    # 2023-1177, 2023-2780: files of the server's machine, in all their spellings.
    "/etc/passwd",
    "//etc/passwd",
    "///etc/passwd",
    "etc/passwd",
    "./deep/model",
    "../deep/model",
    "~/.ssh/id_rsa",
    "file:///etc/passwd",
    "file:/etc/passwd",
    "file:etc/passwd",
    "file://localhost/etc/passwd",
    "FILE:///etc/passwd",
    "local:///etc/passwd",
    # 2023-6977, 2023-6909: parts that lead out of the folder.
    "runs:/RUN/..",
    "runs:/RUN/../OTHER/secret",
    "runs:/RUN/deep/../../OTHER/secret",
    "runs:/RUN/deep/./model",
    "runs:/RUN/deep//model",
    "runs:/RUN//deep/model",
    "mlflow-artifacts:/0/RUN/artifacts/../../OTHER/artifacts/secret",
    "mlflow-artifacts:/0/../0/RUN/artifacts/deep/model",
    "mlflow-artifacts:/0/RUN/artifacts/..",
    "mlflow-artifacts:/../../etc/passwd",
    # 2024-3848, 2024-1483: fragments, queries and params.
    "runs:/RUN/deep/model#/../../../etc/passwd",
    "runs:/RUN/deep/model#",
    "runs:/RUN/deep/model?a=../../etc",
    "mlflow-artifacts:/0/RUN/artifacts/deep/model#../../../../etc",
    "mlflow-artifacts:/0/RUN/artifacts/deep/model?x=1",
    "http://host/#/../../../etc/passwd",
    # 2024-1558, 2024-3573: escapes, once and more often, and what other systems take for `/`.
    "runs:/RUN/%2e%2e/secret",
    "runs:/RUN/%252e%252e/secret",
    "runs:/RUN/%25252e%25252e/secret",
    "runs:/RUN/deep%2fmodel",
    "runs:/RUN/deep%5cmodel",
    "runs:/RUN/deep\\model",
    "runs:/RUN/..\\OTHER",
    "runs:\\RUN\\deep",
    "mlflow-artifacts:/0/RUN/artifacts/%2e%2e/x",
    "mlflow-artifacts:%2f0/RUN/artifacts",
    "C:\\windows\\win.ini",
    "C:/windows/win.ini",
    "\\\\host\\share\\model",
    # 2024-1594, 2024-2928, 2024-0520, 2023-6014: other hosts, schemes and stores.
    "http://evil.test/model",
    "https://evil.test/model",
    "http://127.0.0.1/api/2.0/mlflow-artifacts/artifacts/0/RUN/artifacts",
    "s3://bucket/model",
    "gs://bucket/model",
    "wasbs://c@a.blob.core.windows.net/model",
    "hdfs://host/model",
    "ftp://host/model",
    "sftp://host/model",
    "dbfs:/model",
    "dbfs:///model",
    "viewfs://host/model",
    "abfss://c@a.dfs.core.windows.net/model",
    "data:text/plain,x",
    "jar:file:///etc/passwd",
    "mlflow-artifacts://evil.test/0/RUN/artifacts/deep/model",
    "mlflow-artifacts://user:pw@host:80/0/RUN/artifacts",
    "mlflow-artifacts:///0/RUN/artifacts/deep/model",
    "mlflow-artifacts:0/RUN/artifacts",
    "mlflow-artifacts:/",
    "mlflow-artifacts:/0",
    "mlflow-artifacts:/0/RUN",
    "mlflow-artifacts:/1/RUN/artifacts/deep/model",
    "mlflow-artifacts:/0/x/RUN/artifacts/deep/model",
    "MLFLOW-ARTIFACTS:/0/RUN/artifacts/deep/model",
    # Forms that are nearly right.
    "",
    " ",
    "runs:",
    "runs:/",
    "runs://RUN/deep/model",
    "runs:///RUN/deep/model",
    "runs://host/RUN/deep/model",
    "runs:RUN/deep/model",
    "RUNS:/RUN/deep/model",
    " runs:/RUN/deep/model",
    "runs:/RUN/deep/model\n",
    "runs:/RUN/deep\x00/model",
    "runs:/RUN\x00",
    "runs:/RUN/deep\r\nmodel",
    "runs:/RUN/deep/\x85model",
    "runs:/\u202eRUN/deep",
    "models:/",
    "models:/m-123",
    "models:/m-zz",
    "models://host/NAME/1",
    "models:///NAME/1",
    "models:/NAME",
    "models:/NAME/",
    "models:/NAME/0",
    "models:/NAME/1/..",
    "models:/NAME/1/deep",
    "models:/NAME/01",
    "models:/NAME/-1",
    "models:/NAME/1e3",
    "models:/NAME@",
    "models:/../NAME/1",
    "a" * 3_000,
]


@pytest.mark.parametrize("source", TRICKS)
def test_whatever_else_is_no_source(shared: Api, name: str, run_id: str, source: str) -> None:
    source = (
        source.replace("RUN", run_id).replace("NAME", name).replace("OTHER", shared.create_run())
    )
    for named in ("", run_id):
        with expect_refusal(INVALID, "SOURCE_INVALID"):
            add_version(shared, name, source, named)


@pytest.mark.parametrize(
    "path",
    [
        "nothing",
        "dee",
        "deep/mode",
        "deep/model/MLmodel/x",
        "Deep/model",
        "\u2024\u2024/secret",  # characters that some systems take for dots and slashes
        "\uff0e\uff0e/secret",
        "deep\u2215model",
        "deep\uff0fmodel",
        "deep/model ",
    ],
)
def test_files_that_are_not_there_are_no_source(
    shared: Api, name: str, run_id: str, path: str
) -> None:
    with expect_refusal(StatusCode.NOT_FOUND, "ARTIFACT_NOT_FOUND"):
        add_version(shared, name, f"runs:/{run_id}/{path}")


def test_a_run_without_files_or_that_is_not_there_is_no_source(shared: Api, name: str) -> None:
    with expect_refusal(StatusCode.NOT_FOUND, "ARTIFACT_NOT_FOUND"):
        add_version(shared, name, f"runs:/{shared.create_run()}")
    with expect_refusal(StatusCode.NOT_FOUND, "RUN_NOT_FOUND"):
        add_version(shared, name, f"runs:/{secrets.token_hex(16)}/model")
    with expect_refusal(StatusCode.NOT_FOUND, "MODEL_NOT_FOUND"):
        add_version(shared, name, f"models:/m-{secrets.token_hex(16)}")
    with expect_refusal(StatusCode.NOT_FOUND, "MODEL_VERSION_NOT_FOUND"):
        add_version(shared, name, f"models:/{name}/999999")
    with expect_refusal(StatusCode.NOT_FOUND, "ALIAS_NOT_FOUND"):
        add_version(shared, name, f"models:/{name}@nothing")


def test_a_source_is_of_the_run_and_the_model_that_are_named(
    shared: Api, name: str, run_id: str, model_id: str
) -> None:
    other = shared.create_run()
    upload(shared, other, "deep/model/MLmodel", b"x")
    for source in (f"runs:/{run_id}/deep", f"mlflow-artifacts:/0/{run_id}/artifacts/deep"):
        for named in (other, "x", f"{run_id}/../{other}"):
            with expect_refusal(INVALID, "SOURCE_MISMATCH"):
                add_version(shared, name, source, named)
        with expect_refusal(INVALID, "SOURCE_MISMATCH"):
            add_version(shared, name, source, run_id, model_id)
    with expect_refusal(INVALID, "SOURCE_MISMATCH"):
        add_version(shared, name, f"models:/{model_id}", run_id)
    with expect_refusal(INVALID, "SOURCE_MISMATCH"):
        add_version(shared, name, f"models:/{model_id}", model_id=shared.create_model())


def test_a_deleted_run_and_artifacts_of_other_stores_are_no_source(shared: Api, name: str) -> None:
    deleted = shared.create_run()
    upload(shared, deleted, "a", b"x")
    shared.runs.DeleteRun(DeleteRunRequest(run_id=deleted))
    with expect_refusal(StatusCode.FAILED_PRECONDITION, "RUN_DELETED"):
        add_version(shared, name, f"runs:/{deleted}/a")
    elsewhere = shared.experiments.CreateExperiment(
        CreateExperimentRequest(name=secrets.token_hex(8), artifact_location="s3://bucket/a")
    ).experiment_id
    run_id = shared.create_run(elsewhere)
    with expect_refusal(StatusCode.FAILED_PRECONDITION, "ARTIFACTS_ELSEWHERE"):
        add_version(shared, name, f"runs:/{run_id}/a")
    uri = shared.runs.GetRun(GetRunRequest(run_id=run_id)).run.info.artifact_uri
    with expect_refusal(INVALID, "SOURCE_INVALID"):
        add_version(shared, name, f"{uri}/a", run_id)
