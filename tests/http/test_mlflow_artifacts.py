"""Paths and the proxy of artifacts answer as a server of MLflow 3.17 does."""

from __future__ import annotations

import re
from secrets import token_hex

import pytest

from support.rest import Rest

PROXY = "/api/2.0/mlflow-artifacts/artifacts"
INVALID, MISSING = "INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"


@pytest.fixture
def rest(fuzzed: Rest) -> Rest:
    return fuzzed


@pytest.mark.parametrize(
    ("location", "run"),
    [
        ("s3://bucket/path/", "s3://bucket/path/{}/artifacts"),
        ("scheme://host/d?x=y", "scheme://host/d/{}/artifacts?x=y"),
        ("/absolute", "/absolute/{}/artifacts"),
        ("my_folder", "/.+/my_folder/{}/artifacts"),
        ("mlflow-artifacts:/mine", "mlflow-artifacts:/mine/{}/artifacts"),
    ],
)
def test_artifacts_are_below_the_location_of_the_experiment(
    rest: Rest, location: str, run: str
) -> None:  # R6
    made = rest.post("experiments/create", name=token_hex(8), artifact_location=location)
    info = rest.post("runs/create", experiment_id=made["experiment_id"])["run"]["info"]
    assert re.fullmatch(run.format(info["run_id"]).replace("?", "[?]"), info["artifact_uri"])


@pytest.mark.parametrize(
    ("location", "text"),
    [
        ("s3://bucket/p#frag", "'artifact_location' URL can't include fragments or params."),
        ("s3://" + "x" * 2044, "The length of the artifact path cannot be greater than 2048"),
        ("runs:/abc/x", "Artifact location cannot be a runs:/ URI. Given: 'runs:/abc/x'"),
        ("mlflow-artifacts://other:1/x", "'artifact_location' cannot use the 'mlflow-artifacts'"),
        ("https://other/x", "'artifact_location' cannot use the 'https' scheme"),
    ],
)
def test_a_location_where_nothing_should_be_written_is_refused(
    rest: Rest, location: str, text: str
) -> None:  # R6
    said = {"name": token_hex(8), "artifact_location": location}
    status, code, message = rest.refusal("POST", "experiments/create", json=said)
    assert (status, code) == (400, INVALID)
    assert text in message


@pytest.mark.parametrize("character", "/:.%\"'")
def test_the_name_of_a_model_is_no_path(rest: Rest, character: str) -> None:
    said = {"experiment_id": "0", "name": f"a{character}b"}
    status, code, message = rest.refusal("POST", "logged-models", json=said)
    assert (status, code) == (400, INVALID)
    assert message.startswith(f"Invalid model name ({said['name']!r}) provided. Model name must be")


@pytest.mark.parametrize("path", ["../x", "%2e%2e/x", "%252e%252e/x", "a/%2e%2e/%2e%2e/x", "/x"])
def test_a_path_that_leaves_its_folder_is_invalid(rest: Rest, run_id: str, path: str) -> None:  # W5
    query = {"run_id": run_id, "path": path}
    assert rest.refusal("GET", "artifacts/list", params=query) == (400, INVALID, "Invalid path")
    file = rest.session.get(f"{rest.uri}/get-artifact", params=query)
    assert (file.status_code, file.json()["message"]) == (400, "Invalid path")


def test_a_folder_is_no_file_of_the_proxy(rest: Rest, experiment: str, run_id: str) -> None:  # W5
    root = f"{rest.uri}{PROXY}/{experiment}/{run_id}/artifacts"
    rest.session.put(f"{root}/d/x.txt", data=b"x")
    answer = rest.session.get(f"{root}/d")
    text = f"Artifact path refers to a directory, not a file: '{experiment}/{run_id}/artifacts/d'"
    assert (answer.status_code, answer.json()["message"]) == (400, text)
    assert rest.session.get(f"{root}/no").status_code == 404


def test_what_is_of_no_run_is_kept_as_well(rest: Rest) -> None:  # W5
    file = f"{rest.uri}{PROXY}/some/where/f.txt"
    assert rest.session.put(file, data=b"content").status_code == 200
    assert rest.session.get(file).content == b"content"
    listed = rest.session.get(rest.uri + PROXY, params={"path": "some/where"}).json()
    assert listed["files"] == [{"path": "f.txt", "is_dir": False, "file_size": 7}]
    assert rest.session.get(f"{rest.uri}{PROXY}/some").status_code == 400
    assert rest.session.delete(file).status_code == 200
    assert rest.session.get(file).status_code == 404


NAMES = {
    "MLmodel": ("text/plain", "filename=MLmodel"),
    "MLproject": ("text/plain", "filename=MLproject"),
    "a.txt": ("text/plain", "filename=a.txt"),
    "b.json": ("text/plain", "filename=b.json"),
    "c.png": ("image/png", "filename=c.png"),
    "noext": ("application/octet-stream", "filename=noext"),
    'q"q.yaml': ("text/plain", 'filename="q\\"q.yaml"'),
    "ü.md": ("text/plain", "filename=u.md; filename*=UTF-8''%C3%BC.md"),
    "data:a.txt": ("text/plain", 'filename="data:a.txt"'),
}


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_sent_to_be_kept_under_its_name(
    rest: Rest, experiment: str, run_id: str, name: str
) -> None:  # W5
    file = f"{rest.uri}{PROXY}/{experiment}/{run_id}/artifacts/d/{name}"
    rest.session.put(file, data=b"x")
    query = {"run_id": run_id, "path": f"d/{name}"}
    for answer in (
        rest.session.get(file),
        rest.session.get(f"{rest.uri}/get-artifact", params=query),
    ):
        assert answer.status_code == 200
        kind, disposition = NAMES[name]
        assert answer.headers["content-type"] == kind
        assert answer.headers["content-disposition"] == f"attachment; {disposition}"
