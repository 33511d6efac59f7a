"""The files of a run's models are found as those of the run, by URI and on the command line."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import runstream
from runstream import InvalidArgument, NotFound, TrackingClient
from runstream.entities import LoggedModelOutput
from support.server_process import ServerProcess
from support.shell import Shell


class Model:
    """A model that was stored: `model_id`, and `run_id` of the run that made it."""

    def __init__(self, client: TrackingClient, folder: Path) -> None:
        self.run_id = client.create_run().info.run_id
        for text in ("old", "new"):
            model = client.create_logged_model("0", "forest", self.run_id)
            self.model_id = model.model_id
            client.log_outputs(self.run_id, [(self.model_id, 3)])
            (folder / "MLmodel").write_text(json.dumps({"flavors": {}, "text": text}))
            client.log_model_artifact(self.model_id, folder / "MLmodel")
            client.finalize_logged_model(self.model_id)


@pytest.fixture
def client(server: ServerProcess) -> Iterator[TrackingClient]:
    runstream.set_tracking_uri(server.uri)
    with TrackingClient(server.uri) as client:
        yield client


@pytest.fixture
def model(client: TrackingClient, tmp_path: Path) -> Model:
    return Model(client, tmp_path)


def test_the_newest_model_of_a_name_is_listed_read_and_downloaded_below_its_run(
    model: Model, tmp_path: Path
) -> None:
    run_uri, model_uri = f"runs:/{model.run_id}/forest", f"models:/{model.model_id}"
    listed = runstream.list_artifacts(run_id=model.run_id, artifact_path="forest")
    assert [file.path for file in listed] == ["forest/MLmodel"]
    assert runstream.list_artifacts(run_uri) == listed
    assert [file.path for file in runstream.list_artifacts(model_uri)] == ["MLmodel"]
    assert runstream.list_artifacts(f"{run_uri}s") == []
    for uri in (f"{run_uri}/MLmodel", f"{model_uri}/MLmodel"):
        assert json.loads(runstream.load_text(uri))["text"] == "new"
    for uri in (run_uri, model_uri):
        local = Path(runstream.download_artifacts(uri, dst_path=tmp_path / uri[:4]))
        assert json.loads((local / "MLmodel").read_text())["text"] == "new"
    with pytest.raises(NotFound):
        runstream.download_artifacts(f"{run_uri}s")


def test_artifacts_of_the_run_come_before_a_model_of_the_same_name(
    client: TrackingClient, model: Model
) -> None:
    client.log_text(model.run_id, "own", "forest/MLmodel")
    assert client.load_text(model.run_id, "forest/MLmodel") == "own"
    assert [file.path for file in client.list_artifacts(model.run_id)] == ["forest"]


def test_a_run_has_the_models_that_it_made_as_outputs(client: TrackingClient, model: Model) -> None:
    outputs = client.get_run(model.run_id).outputs.model_outputs
    assert outputs[-1] == LoggedModelOutput(model.model_id, 3)
    assert len(outputs) == 2
    [found] = client.search_runs(["0"])
    assert found.outputs.model_outputs == outputs
    assert found.to_dictionary()["outputs"]["model_outputs"][1]["model_id"] == model.model_id


def test_an_error_names_the_run_that_is_not_there_or_the_models_that_it_has(model: Model) -> None:
    with pytest.raises(NotFound, match="f" * 32):
        runstream.sklearn.load_model(f"runs:/{'f' * 32}/model")
    with pytest.raises(NotFound, match="Run with id=nope not found"):
        runstream.sklearn.load_model("runs:/nope/model")
    with pytest.raises(NotFound, match="has no model 'forests': its models are forest"):
        runstream.sklearn.load_model(f"runs:/{model.run_id}/forests")
    with pytest.raises(NotFound, match="forest"):
        runstream.sklearn.load_model("models:/forest/1")
    with pytest.raises(InvalidArgument, match="models:/NAME/VERSION"):
        runstream.sklearn.load_model("models:/forest")


@pytest.mark.usefixtures("client")
def test_what_reads_starts_no_run() -> None:
    reads = (
        lambda: runstream.list_artifacts(),
        lambda: runstream.download_artifacts("a.txt"),
        lambda: runstream.load_text("a.txt"),
        lambda: runstream.list_series("images"),
        lambda: runstream.delete_artifacts("a.txt"),
    )
    for read in reads:
        with pytest.raises(InvalidArgument, match="no run is active"):
            read()
    with pytest.raises(NotFound, match="forest"):
        runstream.load_text("models:/forest/1")
    assert runstream.active_run() is None
    assert runstream.search_runs(output_format="list") == []


def test_the_command_line_shows_lists_and_downloads_models(
    server: ServerProcess, model: Model, tmp_path: Path
) -> None:
    shell = Shell(server.uri)
    rows = shell.rows("runs", "show", model.run_id)
    assert ["models.forest", f"models:/{model.model_id}"] in rows
    shown = shell.json("runs", "show", model.run_id)
    assert shown["outputs"]["model_outputs"][1] == {"model_id": model.model_id, "step": 3}
    for arguments in (
        [model.run_id, "forest"],
        [f"runs:/{model.run_id}/forest"],
        [f"models:/{model.model_id}"],
    ):
        [file] = shell.json("artifacts", "list", *arguments)
        assert file["path"].endswith("MLmodel")
        target = tmp_path / "copy"
        local = shell.json("artifacts", "download", *arguments, "-d", str(target))["path"]
        assert Path(local, "MLmodel").is_file()


def test_a_model_takes_the_older_name_of_its_name_and_is_registered(client: TrackingClient) -> None:
    with runstream.start_run() as run:
        info = runstream.sklearn.log_model({"any": "object"}, artifact_path="older")
        registered = runstream.sklearn.log_model({"is": "better"}, registered_model_name="forest")
        with pytest.raises(InvalidArgument, match="cannot contain"):
            runstream.sklearn.log_model({"not": "stored"}, registered_model_name="a/b")
        assert len(list(client.list_run_models(run.run_id))) == 2
    assert (info.name, info.registered_model_version) == ("older", None)
    assert registered.registered_model_version == "1"
    version = client.get_model_version("forest", 1)
    assert (version.model_id, version.run_id) == (registered.model_id, run.run_id)
    client.set_registered_model_alias("forest", "champion", 1)
    assert runstream.sklearn.load_model(f"runs:/{run.run_id}/older") == {"any": "object"}
    for uri in ("models:/forest/1", "models:/forest@champion", "models:/forest/latest"):
        assert runstream.sklearn.load_model(uri) == {"is": "better"}
    with pytest.raises(NotFound):
        runstream.sklearn.load_model("models:/forest/2")
    frameworks = (runstream.xgboost, runstream.lightgbm, runstream.catboost, runstream.keras)
    for framework in (*frameworks, runstream.pytorch, runstream.transformers):
        parameters = inspect.signature(framework.log_model).parameters
        assert {"artifact_path", "registered_model_name"} <= parameters.keys()
