"""Fixtures: a server that is full of names, and that must be as well at the end as at the start."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from runstream.v1.logged_model_service_pb2 import CreateLoggedModelRequest
from runstream.v1.model_registry_service_pb2 import SetRegisteredModelAliasRequest
from runstream.v1.watch_service_pb2 import GetPositionRequest
from support.access import bearer, connect_with_token, create_tokens
from support.api import Api, make_batch
from support.artifacts import upload
from support.fuzzing import FuzzedServer, resident_bytes
from support.registry import add_version, register
from support.rest import Rest
from support.server_process import ServerProcess

#: Bytes by which the server may grow meanwhile; its caches fill.
GROWTH = 256 * 1024 * 1024


def _fill(api: Api) -> list[str]:
    """Make one of each thing; return what names them."""
    experiment_id = api.create_experiment("e")
    run_id, other = api.create_run(), api.create_run()
    points = [("a", step, step, float(step)) for step in range(2_000)]
    api.log_batches([make_batch(run_id, points, [("p", "1")], [("t", "x")])])
    model = api.models.CreateLoggedModel(CreateLoggedModelRequest(experiment_id="0", name="m"))
    upload(api, run_id, "a", b"x")
    register(api, "registered")
    add_version(api, "registered", f"runs:/{run_id}/a")
    set_alias = SetRegisteredModelAliasRequest(name="registered", alias="best", version="1")
    api.registry.SetRegisteredModelAlias(set_alias)
    position = api.watches.GetPosition(GetPositionRequest()).position
    return [
        *(
            position,
            run_id,
            other,
            model.model.info.model_id,
            experiment_id,
            "0",
            f"0/{run_id}/artifacts/a",
        ),
        *("data:a/b.svg", "a", "p", "t", "", "metrics.a > 0", "params.p = '1'", "tags.t LIKE 'x%'"),
        *("registered", "1", "best", "Staging", f"runs:/{run_id}/a", "models:/registered@best"),
        *("metrics.a DESC", "user:ada", "group:everyone", "ada"),
    ]


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FuzzedServer]:
    """A server for the tests of a file, which has neither complained nor grown at their end."""
    database = tmp_path_factory.mktemp("fuzzed") / "runs.db"
    server = ServerProcess(database, {"RUNSTREAM_HTTP_PORT": "0"})
    tokens = create_tokens(server.address)
    with connect_with_token(server.address, tokens["root"]) as root:
        names = _fill(root)
    rest = Rest(server.http)
    rest.session.headers.update(bearer(tokens["root"]))
    path = f"{server.http}/api/2.0/mlflow-artifacts/artifacts/0/{names[1]}/artifacts/data:a/b.svg"
    assert rest.session.put(path, data=b"<svg/>").status_code == 200
    rest.session.close()
    before = resident_bytes(server)
    yield FuzzedServer(server, tokens, names)
    growth = resident_bytes(server) - before
    lines = server.stop().splitlines()
    assert [line for line in lines if "a request is refused" not in line] == []
    assert growth < GROWTH
