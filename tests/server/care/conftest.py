"""Fixtures: an installation that has something in every table."""

from __future__ import annotations

import math
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import grpc
import numpy as np
import pytest

from runstream import TrackingClient
from runstream.entities import Dataset, DatasetInput
from runstream.v1 import model_registry_service_pb2 as pb
from runstream.v1.alert_pb2 import AlertDestinations
from runstream.v1.console_pb2 import CONSOLE_STREAM_STDOUT, ConsoleLine
from runstream.v1.logging_service_pb2 import LogBatchRequest
from runstream.v1.registered_model_pb2 import RegisteredModelTag
from runstream.v1.write_pb2 import WriteId
from runstream_service.access.token_text import digest_of
from support.alerts import SECRET, create_rule, raise_alert
from support.api import Api
from support.copies import TOKEN
from support.registry import add_version
from support.server_process import ServerProcess

NUMBERS = ["9007199254740993", "1e400", "-0.0", "nan", "5", "5.0", "0.1", "-inf", "1e20", "2e-320"]
VALUES = [math.nan, -math.inf, math.inf, -0.0, 0.0, 5e-324, 1e308, 0.1]
RUNS = 4


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an installation that has something in every table; artifacts are beside it."""
    server = ServerProcess(tmp_path_factory.mktemp("filled") / "runs.db")
    with (
        TrackingClient(server.uri) as client,
        grpc.insecure_channel(server.address) as channel,
    ):
        fill(client, Api(channel))
    assert server.stop() == ""
    with closing(sqlite3.connect(server.database)) as connection, connection:
        connection.execute(
            "INSERT INTO token VALUES (1, 'ada', 'ci', ?, 3, 1, NULL, NULL, 2, 'root')",
            [digest_of(TOKEN)],
        )
        connection.execute(
            "INSERT INTO session VALUES (1, x'00fe', 'ada', 2, '[\"team\"]', 1, 4000000000000)"
        )
        connection.execute(
            "INSERT INTO audit_entry VALUES (1, 5, 'ada', 'ipv4:x', 'DeleteRun', 'run_id=1', 'OK')"
        )
        connection.execute("INSERT INTO experiment_grant VALUES (1, 'user:ada', 3)")
        connection.execute("UPDATE experiment SET deleted_by = 'ada' WHERE id = 1")
        connection.execute("UPDATE run SET deleted_by = 'ada' WHERE id = 1")
        connection.execute("UPDATE artifact SET uploaded_by = 'ada'")
        connection.execute(
            "INSERT INTO storage_use"
            " SELECT 'ada', sum(size) FROM artifact JOIN blob ON blob.id = blob_id"
        )
    return server.database


def fill(client: TrackingClient, api: Api) -> None:
    experiment = client.create_experiment("moved", tags={"team": "a\0b", "size": "7"})
    client.set_experiment_tag(experiment, "stage", "prod")
    client.create_document(experiment, "report", "findings", "\0 \U0010ffff")
    client.create_document(experiment, "view", "", "x=time")
    add_alerts(client, api, experiment)
    for number in range(RUNS):
        run_id = client.create_run(experiment, run_name=f"\0 \U0010ffff {number}").info.run_id
        client.log_params(run_id, {f"p{i}": text for i, text in enumerate(NUMBERS)})
        client.set_tags(run_id, {"long": "x" * 60_000, "nul": "\0\U0010ffff", "n": str(number)})
        for step, value in enumerate(VALUES):
            client.log_metrics(run_id, {"a": value, "b": -value}, step=step)
        steps = np.arange(20_000)
        client.log_columns(run_id, "long", np.random.default_rng(number).normal(size=20_000), steps)
        client.log_text(run_id, f"artifact {number}", "notes.txt")
        dataset = Dataset("train", f"d{number}", "local", "here", "{}", "\0")
        client.log_inputs(run_id, [DatasetInput(dataset, {"mlflow.data.context": "training"})])
        model = client.create_logged_model(
            experiment, f"model {number}", params={"depth": "3"}
        ).model_id
        client.set_logged_model_tags(model, {"kind": "tree"})
        client.log_model_metrics(run_id, model, [("acc", math.nan, 1, 1)], ("t", "d"))
        client.log_input_models(run_id, [model])
        client.log_outputs(run_id, [(model, 3)])
        line = ConsoleLine(
            stream=CONSOLE_STREAM_STDOUT, timestamp=5, text="\0 said", writer=7, sequence=1
        )
        api.log_batches([LogBatchRequest(run_id=run_id, console=[line])])
        client.set_terminated(run_id)
        if number == 0:
            publish(api, run_id)
    client.delete_run(run_id)


def publish(api: Api, run_id: str) -> None:
    """Make a version of a file of a run, with a tag and an alias."""
    write = WriteId(writer="ab" * 16, sequence=1)
    tags = [RegisteredModelTag(key="team", value="\0 7")]
    api.registry.CreateRegisteredModel(
        pb.CreateRegisteredModelRequest(name="published", tags=tags, write=write)
    )
    add_version(api, "published", f"runs:/{run_id}/notes.txt", size="7")
    api.registry.SetRegisteredModelAlias(
        pb.SetRegisteredModelAliasRequest(name="published", alias="best", version="1")
    )


@pytest.fixture
def source(filled: Path, tmp_path: Path) -> Path:
    """A copy of that file."""
    return Path(shutil.copy(filled, tmp_path / "source.db"))


def add_alerts(client: TrackingClient, api: Api, experiment: str) -> None:
    """Add rules, an alert, and a delivery of it."""
    watched = client.create_run(experiment).info.run_id
    create_rule(api, run_id=watched, run_silent={"minutes": 9})
    create_rule(
        api,
        experiment_id=experiment,
        alert_raised={},
        destinations=AlertDestinations(webhook_urls=["https://hooks.example.com/"]),
        webhook_secret=SECRET,
    )
    raise_alert(api, run_id=watched, title="raised", text="\0 \U0010ffff")
