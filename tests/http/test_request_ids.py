"""One id names a request to its caller and in the log, which is text or JSON (O3)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import grpc
import pytest
import requests
from google.rpc.error_details_pb2 import RequestInfo
from grpc import StatusCode
from grpc_status import rpc_status

from runstream import TrackingClient
from runstream.errors import Internal, NotFound
from runstream.v1.run_service_pb2 import GetRunRequest, SetTagRequest
from support.api import Api, make_batch
from support.rest import Rest
from support.server_process import ServerProcess

ABSENT = "0" * 32


def make_tags_fail(server: ServerProcess) -> None:
    """Have the database fail for the tag `boom`, in a way that nobody foresaw."""
    if server.url.startswith("postgresql:"):
        server.query("ALTER TABLE run_tag ADD CONSTRAINT \"a fault\" CHECK (key <> 'boom')")
    else:
        server.query(
            "CREATE TRIGGER fault BEFORE INSERT ON run_tag WHEN NEW.key = 'boom' "
            "BEGIN SELECT RAISE(ABORT, 'a fault'); END"
        )


def id_of(call: Callable[[], Any]) -> str:
    """Return the id of the request that a call names in its error."""
    with pytest.raises(grpc.RpcError) as raised:
        call()
    status = rpc_status.from_call(raised.value)  # type: ignore[arg-type] # it is both
    assert status is not None
    found = RequestInfo()
    assert [detail.Unpack(found) for detail in status.details] == [False, True]
    return str(found.request_id)


def test_an_error_over_grpc_names_the_request_as_its_caller_did(api: Api) -> None:
    def get_run(request_id: str) -> Any:
        metadata = (("x-request-id", request_id),)
        return api.runs.GetRun(GetRunRequest(run_id=ABSENT), metadata=metadata, timeout=30)

    assert id_of(lambda: get_run("job-7/step:3")) == "job-7/step:3"
    for malformed in ("", "a b", "x" * 129, '{"a": 1}'):
        assert re.fullmatch("[0-9a-f]{16}", id_of(lambda given=malformed: get_run(given)))  # type: ignore[misc]
    made = [id_of(lambda: api.runs.GetRun(GetRunRequest(run_id=ABSENT))) for _ in range(20)]
    assert len(set(made)) == 20


def test_an_error_over_http_has_the_id_in_a_header_and_in_its_json(rest: Rest) -> None:
    def refuse(path: str, **headers: str) -> str:
        answer = rest.session.get(rest.uri + path, headers=headers)
        assert answer.status_code >= 400
        assert answer.headers["x-request-id"] == answer.json()["request_id"]
        return str(answer.json()["request_id"])

    get_run = f"/api/2.0/mlflow/runs/get?run_id={ABSENT}"
    assert refuse(get_run, **{"x-request-id": "job-7"}) == "job-7"
    assert refuse("/nothing", **{"x-request-id": "job-8"}) == "job-8"
    assert refuse("/health", **{"x-request-id": "job-9", "host": "evil.example"}) == "job-9"
    for malformed in ("a b", "x" * 129, "<script>"):
        assert re.fullmatch("[0-9a-f]{16}", refuse(get_run, **{"x-request-id": malformed}))
    assert refuse(get_run) != refuse(get_run)


def test_a_fault_of_the_server_is_found_in_the_log_by_its_id(
    server: ServerProcess, api: Api, rest: Rest
) -> None:
    run_id = api.create_run()
    make_tags_fail(server)
    request = SetTagRequest(run_id=run_id, key="boom")
    made = id_of(lambda: api.runs.SetTag(request, timeout=30))
    answer = rest.session.post(
        f"{rest.uri}/api/2.0/mlflow/runs/set-tag",
        json={"run_id": run_id, "key": "boom", "value": ""},
        headers={"x-request-id": "job-7"},
    )
    assert (answer.status_code, answer.json()["request_id"]) == (500, "job-7")
    rest.session.close()
    lines = server.stop().splitlines()
    (over_grpc,) = [line for line in lines if line.endswith(f"(request {made})")]
    assert "ERROR runstream_service.rpc.abort: /runstream.v1.RunService/SetTag" in over_grpc
    (over_http,) = [line for line in lines if line.endswith("(request job-7)")]
    assert "POST /api/2.0/mlflow/runs/set-tag failed" in over_http
    assert sum("a fault" in line for line in lines) >= 2


def test_the_client_shows_the_id_of_faults_of_the_server_alone(
    server: ServerProcess, client: TrackingClient
) -> None:
    make_tags_fail(server)
    with pytest.raises(Internal, match=r"the particulars \(request [0-9a-f]{16}\)$") as raised:
        client.create_run("0", tags={"boom": ""})
    with pytest.raises(NotFound) as absent:
        client.get_run(ABSENT)
    assert "request" not in str(absent.value)
    assert str(raised.value).split("request ")[1].rstrip(")") in server.stop()


def test_a_batch_that_fails_on_a_stream_is_found_in_the_log_by_its_id(
    server: ServerProcess, api: Api, client: TrackingClient
) -> None:
    run_id = api.create_run()
    make_tags_fail(server)
    batches = [make_batch(run_id, tags=[("boom", "")]), make_batch(run_id, params=[("", "")])]
    failed, refused = [answer.error for answer in api.log_batches(batches) if answer.error.code]
    assert (failed.code, refused.reason) == (StatusCode.INTERNAL.value[0], "KEY_EMPTY")
    assert all(re.fullmatch("[0-9a-f]{16}", error.request_id) for error in (failed, refused))
    client.log_batch(run_id, tags={"boom": ""})
    with pytest.raises(Internal, match=r"\(request [0-9a-f]{16}\)") as raised:
        client.flush()
    lines = server.stop().splitlines()
    shown = re.findall(r"\(request ([0-9a-f]{16})\)", str(raised.value))
    named = [line for line in lines if "a batch of LogBatch failed" in line]
    assert [line.split("(request ")[1].rstrip(")") for line in named] == [failed.request_id, *shown]


def test_every_line_of_a_json_log_is_an_event(
    start_server: Callable[..., ServerProcess], connect: Callable[[str], Api]
) -> None:
    server = start_server("json.db", RUNSTREAM_HTTP_PORT="0", RUNSTREAM_LOG_FORMAT="json")
    api = connect(server.address)
    run_id = api.create_run()
    make_tags_fail(server)
    made = id_of(lambda: api.runs.SetTag(SetTagRequest(run_id=run_id, key="boom"), timeout=30))
    refused = requests.get(f"{server.http}/health", headers={"host": "evil.example"}, timeout=60)
    assert refused.status_code == 403
    events = [json.loads(line) for line in server.stop().splitlines()]
    assert all({"time", "level", "logger", "message"} <= set(event) for event in events)
    assert all(re.fullmatch(r"[\d-]{10}T[\d:.]{12}\+00:00", event["time"]) for event in events)
    failed, named, host = events
    assert (failed["logger"], failed["level"]) == ("runstream_service.engine.writer", "ERROR")
    assert "a fault" in failed["exception"]
    assert (named["request_id"], named["level"]) == (made, "ERROR")
    assert (host["level"], "evil.example" in host["message"]) == ("WARNING", True)
