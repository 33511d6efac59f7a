"""The model registry by the client: its calls, and the models that its URIs name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import runstream
from runstream import AlreadyExists, InvalidArgument, NotFound, TrackingClient
from runstream.files.artifact_paths import VersionUri, parse_artifact_uri
from support.server_process import ServerProcess

NAME = "fraud model"


@pytest.fixture
def client(server: ServerProcess) -> Iterator[TrackingClient]:
    runstream.set_tracking_uri(server.uri)
    with TrackingClient(server.uri) as client:
        yield client


@pytest.fixture
def run_id(client: TrackingClient) -> str:
    """A run with the files of a model."""
    run_id = client.create_run().info.run_id
    client.log_text(run_id, "flavors: {}", "models/best/MLmodel")
    return run_id


def log_model(client: TrackingClient, run_id: str, text: str) -> str:
    """Store a model named `forest` of a run and return its id."""
    model = client.create_logged_model("0", "forest", run_id, params={"depth": 3})
    client.log_text(model.model_id, text, "MLmodel")
    client.log_outputs(run_id, [(model.model_id, 0)])
    client.finalize_logged_model(model.model_id)
    return model.model_id


def test_a_registered_model_is_created_changed_found_renamed_and_deleted(
    client: TrackingClient,
) -> None:
    created = client.create_registered_model(NAME, {"team": "risk", "year": 2026}, "of cards")
    assert (created.name, created.description) == (NAME, "of cards")
    assert created.tags == {"team": "risk", "year": "2026"}
    assert (created.latest_versions, created.aliases) == ((), {})
    with pytest.raises(AlreadyExists) as taken:
        client.create_registered_model(NAME)
    assert taken.value.reason == "REGISTERED_MODEL_EXISTS"

    client.set_registered_model_tag(NAME, "team", "cards")
    client.delete_registered_model_tag(NAME, "year")
    assert client.update_registered_model(NAME, "of all").description == "of all"
    assert client.update_registered_model(NAME).description == ""
    assert client.get_registered_model(NAME).tags == {"team": "cards"}

    renamed = client.rename_registered_model(NAME, "fraud model 2")
    assert renamed.name == "fraud model 2"
    assert list(client.search_registered_models("name = 'fraud model 2'")) == [renamed]
    assert runstream.search_registered_models(filter_string="name LIKE 'fraud model%'") == [renamed]
    client.delete_registered_model("fraud model 2")
    with pytest.raises(NotFound):
        client.get_registered_model("fraud model 2")


def test_versions_are_created_changed_and_deleted(client: TrackingClient, run_id: str) -> None:
    client.create_registered_model(NAME)
    source = f"runs:/{run_id}/models/best"
    first = client.create_model_version(NAME, source, run_id, {"a": 1}, "https://run", "the first")
    assert (first.name, first.version, first.run_id, first.source) == (NAME, "1", run_id, source)
    assert (first.tags, first.run_link, first.description) == (
        {"a": "1"},
        "https://run",
        "the first",
    )
    assert (first.status, first.current_stage, first.model_id) == ("READY", "None", "")
    assert (first.artifact_path, first.experiment_id) == ("models/best", "0")
    second = client.create_model_version(NAME, "models:/fraud model/1")
    assert client.get_model_version_download_uri(NAME, 2).endswith(
        f"{run_id}/artifacts/models/best"
    )

    assert client.transition_model_version_stage(NAME, 1, "staging").current_stage == "Staging"
    moved = client.transition_model_version_stage(
        NAME, second.version, "Staging", archive_existing_versions=True
    )
    assert moved.current_stage == "Staging"
    assert client.get_model_version(NAME, 1).current_stage == "Archived"
    latest = client.get_latest_versions(NAME)
    assert [(one.version, one.current_stage) for one in latest] == [
        ("1", "Archived"),
        ("2", "Staging"),
    ]
    assert client.get_latest_versions(NAME, ["Staging"]) == [latest[1]]
    assert client.get_model_version_stages(NAME, 1) == ["None", "Staging", "Production", "Archived"]

    client.set_model_version_tag(NAME, "1", "b", 2)
    client.set_model_version_tag(NAME, key="c", value=3, stage="Staging")
    runstream.set_model_version_tag(NAME, 2, "d", "4")
    client.delete_model_version_tag(NAME, 1, "a")
    assert client.get_model_version(NAME, 1).tags == {"b": "2"}
    assert client.get_model_version(NAME, 2).tags == {"c": "3", "d": "4"}
    with pytest.raises(InvalidArgument, match="either by version or by stage"):
        client.set_model_version_tag(NAME, 1, "b", 2, stage="Staging")
    assert client.update_model_version(NAME, 1, "").description == ""

    client.set_registered_model_alias(NAME, "champion", 2)
    assert client.get_model_version_by_alias(NAME, "champion").version == "2"
    assert client.get_registered_model(NAME).aliases == {"champion": "2"}
    client.delete_registered_model_alias(NAME, "champion")
    with pytest.raises(NotFound):
        client.get_model_version_by_alias(NAME, "champion")

    of_model = "name = 'fraud model'"
    found = client.search_model_versions(of_model, order_by=["version_number DESC"])
    assert [one.version for one in found] == ["2", "1"]
    assert [
        one.version for one in client.search_model_versions(of_model, 1, ["version_number"])
    ] == ["1"]
    assert len(runstream.search_model_versions(filter_string=of_model)) == 2
    client.delete_model_version(NAME, 2)
    assert [one.version for one in client.search_model_versions(of_model)] == ["1"]
    assert client.create_model_version(NAME, source).version == "3"


def test_register_model_creates_what_is_missing_and_takes_the_newest_model_of_a_run(
    client: TrackingClient, run_id: str
) -> None:
    log_model(client, run_id, "older")
    newest = log_model(client, run_id, "newer")
    by_name = runstream.register_model(f"runs:/{run_id}/forest", NAME, tags={"from": "name"})
    assert (by_name.model_id, by_name.run_id) == (newest, run_id)
    assert by_name.tags == {"from": "name"}
    by_path = runstream.register_model(f"runs:/{run_id}/models/best", NAME)
    assert (by_path.version, by_path.model_id, by_path.artifact_path) == ("2", "", "models/best")
    version = client.get_model_version(NAME, 1)
    assert version.params == {"depth": "3"}
    copy = client.copy_model_version("models:/fraud model/1", "fraud model copy")
    assert (copy.name, copy.version, copy.model_id) == ("fraud model copy", "1", newest)
    with pytest.raises(NotFound):
        runstream.register_model(f"runs:/{run_id}/absent", NAME)
    with pytest.raises(InvalidArgument, match="must be one of models:/MODEL_ID"):
        client.copy_model_version(f"runs:/{run_id}/forest", NAME)


def test_files_are_registered_after_they_are_uploaded(
    client: TrackingClient, tmp_path: Path
) -> None:
    run_id = client.create_run().info.run_id
    client.log_text(run_id, "flavors: {}", "model/MLmodel")
    local = tmp_path / "weights.bin"
    local.write_bytes(b"w" * 100_000)
    client.log_artifact(run_id, local, "model", synchronous=False)
    version = client.register_model(f"runs:/{run_id}/model", NAME)
    assert version.artifact_path == "model"


def test_uris_of_the_registry_name_files(
    client: TrackingClient, run_id: str, tmp_path: Path
) -> None:
    runstream.register_model(f"runs:/{run_id}/models/best", NAME)
    runstream.register_model(f"models:/{log_model(client, run_id, 'of the model')}", NAME)
    client.set_registered_model_alias(NAME, "champion", 1)
    client.transition_model_version_stage(NAME, 2, "Production")
    texts = {
        "models:/fraud model/1": "flavors: {}",
        "models:/fraud model@champion": "flavors: {}",
        "models:/fraud model/2": "of the model",
        "models:/fraud model/latest": "of the model",
        "models:/fraud model/production": "of the model",
    }
    for number, (uri, text) in enumerate(texts.items()):
        assert runstream.load_text(f"{uri}/MLmodel") == text
        [file] = runstream.list_artifacts(uri)
        assert file.path.endswith("MLmodel")
        local = Path(runstream.download_artifacts(uri, dst_path=tmp_path / str(number)))
        assert (local / "MLmodel").read_text() == text
    for uri in (
        "models:/fraud model/3",
        "models:/fraud model@absent",
        "models:/fraud model/Staging",
    ):
        with pytest.raises(NotFound):
            runstream.load_text(f"{uri}/MLmodel")
    client.create_registered_model("fraud model 2")
    with pytest.raises(NotFound, match="has no versions"):
        runstream.list_artifacts("models:/fraud model 2/latest")


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("models:/a/3", VersionUri("a", version="3")),
        ("models:/a/3/x/y", VersionUri("a", version="3", path="x/y")),
        ("models:/a@b/3", VersionUri("a@b", version="3")),
        ("models:/a@b", VersionUri("a", alias="b")),
        ("models:/a@b@c/MLmodel", VersionUri("a@b", alias="c", path="MLmodel")),
        ("models:/a/LATEST", VersionUri("a")),
        ("models:/a/archived", VersionUri("a", stage="Archived")),
    ],
)
def test_uris_name_versions_as_those_of_mlflow_do(uri: str, expected: VersionUri) -> None:
    assert parse_artifact_uri(uri) == expected


@pytest.mark.parametrize(
    "uri", ["models:/", "models:/a", "models:/a/b", "models:/a@", "models:/@b"]
)
def test_a_malformed_uri_is_said_to_be(uri: str) -> None:
    with pytest.raises(InvalidArgument) as error:
        parse_artifact_uri(uri)
    assert error.value.reason == "MODEL_URI_MALFORMED"
