"""The audit log: who changed what, and what was refused to whom."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
import requests

from runstream.v1 import access_service_pb2 as pb
from runstream.v1.experiment_service_pb2 import DeleteExperimentRequest
from runstream.v1.run_service_pb2 import DeleteRunRequest, GetRunRequest, SetTagRequest
from runstream_service.access import audit
from runstream_service.access.audit import AuditLog
from runstream_service.access.caller import Caller, ServerRole
from support.access import GuardedServer
from support.api import expect_refusal, make_batch
from support.artifacts import upload
from support.run_batches import RunWriter
from support.server_process import ENVIRONMENT
from support.waiting import wait_until

DENIED = grpc.StatusCode.PERMISSION_DENIED


def entries(guarded: GuardedServer, **fields: Any) -> list[pb.AuditEntry]:
    request = pb.SearchAuditLogRequest(**fields)
    return list(guarded.apis["root"].access.SearchAuditLog(request).entries)


def find(guarded: GuardedServer, subject: str, **fields: Any) -> list[pb.AuditEntry]:
    """The entries about something, once there are any."""
    found: list[pb.AuditEntry] = []

    def there_are() -> bool:
        found[:] = [entry for entry in entries(guarded, **fields) if subject in entry.subject]
        return bool(found)

    wait_until(there_are, 20)
    return found


def test_a_change_names_who_did_what_from_where_and_when(guarded: GuardedServer) -> None:
    ada = guarded.apis["ada"]
    experiment = ada.create_experiment("audited")
    before = round(1000 * time.time())
    ada.experiments.DeleteExperiment(DeleteExperimentRequest(experiment_id=experiment))
    (entry,) = find(guarded, f"experiment_id={experiment}", method="DeleteExperiment")
    assert (entry.user_name, entry.code) == ("ada", "OK")
    assert entry.peer.startswith("ipv4:127.0.0.1:")
    assert before - 1000 <= entry.time <= round(1000 * time.time()) + 1000


def test_over_rest_the_entry_is_the_same(guarded: GuardedServer) -> None:
    url = f"{guarded.server.http}/api/2.0/mlflow/experiments"
    headers = guarded.headers("ada")
    experiment = requests.post(f"{url}/create", json={"name": "rest"}, headers=headers).json()
    body = {"experiment_id": experiment["experiment_id"], "new_name": "renamed"}
    assert requests.post(f"{url}/update", json=body, headers=headers).status_code == 200
    (entry,) = find(
        guarded, f"experiment_id={experiment['experiment_id']}", method="UpdateExperiment"
    )
    assert (entry.user_name, entry.code) == ("ada", "OK")


def test_refused_attempts_are_recorded_and_reads_are_not(guarded: GuardedServer) -> None:
    run = guarded.apis["root"].create_run()
    with suppress(grpc.RpcError):
        guarded.apis["eve"].runs.DeleteRun(DeleteRunRequest(run_id=run))
    (entry,) = find(guarded, f"run_id={run}", method="DeleteRun")
    assert (entry.user_name, entry.code) == ("eve", "NOT_FOUND")
    with suppress(grpc.RpcError):
        guarded.apis["nobody"].runs.GetRun(GetRunRequest(run_id=run))
    guarded.apis["root"].runs.GetRun(GetRunRequest(run_id=run))
    wait_until(lambda: any(not entry.user_name for entry in entries(guarded, method="GetRun")), 20)
    assert {entry.code for entry in entries(guarded, method="GetRun")} == {"UNAUTHENTICATED"}


def test_over_rest_an_error_has_the_code_of_grpc(guarded: GuardedServer) -> None:
    run = guarded.apis["root"].create_run()
    url = f"{guarded.server.http}/api/2.0/mlflow/runs/delete"
    answer = requests.post(url, json={"run_id": run}, headers=guarded.headers("eve"), timeout=30)
    assert answer.status_code == 404
    (entry,) = find(guarded, f"run_id={run}", method="DeleteRun")
    assert (entry.user_name, entry.code) == ("eve", "NOT_FOUND")


def test_a_run_that_a_batch_starts_is_an_entry_as_if_by_the_call_that_creates_it(
    guarded: GuardedServer,
) -> None:
    ada = guarded.apis["ada"]
    run, other = RunWriter(), RunWriter()
    start = run.start(experiment_name="started by a batch")
    (answer, *_) = ada.log_batches([start])
    ada.log_batches([start, RunWriter().start(experiment_id="x")])
    (info,) = answer.run_infos
    where = f"experiment_id={info.experiment_id}"
    url = f"{guarded.server.http}/api/2.0/mlflow/runs/log-batch"
    begun: dict[str, Any] = {"experiment_id": info.experiment_id, "start_time": 5}
    body: dict[str, Any] = {"run_id": other.run_id, "start": begun}
    assert requests.post(url, json=body, headers=guarded.headers("ada"), timeout=30).ok
    (entry,) = find(guarded, f"run_id={other.run_id}", method="CreateRun")
    assert (entry.user_name, entry.code) == ("ada", "OK")
    (entry,) = find(guarded, f"run_id={run.run_id}", method="CreateRun")
    assert (entry.user_name, entry.code, entry.subject) == (
        "ada",
        "OK",
        f"{where} run_id={run.run_id}",
    )
    assert entry.peer.startswith("ipv4:127.0.0.1:")
    (entry,) = find(guarded, "name=started by a batch", method="CreateExperiment")
    assert (entry.user_name, entry.code) == ("ada", "OK")


def test_a_batch_that_is_refused_is_an_entry_of_its_own(guarded: GuardedServer) -> None:
    ada, bob = guarded.apis["ada"], guarded.apis["bob"]
    experiment = ada.create_experiment("logged")
    grant = pb.SetGrantRequest(
        experiment_id=experiment, grantee="user:bob", role=pb.GrantRole.GRANT_ROLE_WRITER
    )
    ada.access.SetGrant(grant)
    run = ada.create_run(experiment)
    bob.log_batches([make_batch(run, tags=[("t", "v")])])
    url = f"{guarded.server.http}/api/1.0/runstream/logs/stream"
    line = json.dumps({"run_id": run, "tags": [{"key": "k", "value": "v"}]})
    requests.post(url, line, headers=guarded.headers("bob"), timeout=30)
    wait_until(lambda: len(entries(guarded, user_name="bob", method="LogBatch")) >= 2, 20)
    found = entries(guarded, user_name="bob", method="LogBatch")
    assert {(entry.subject, entry.code) for entry in found} == {
        (f"run_id={run}", "PERMISSION_DENIED")
    }
    name, role = "name=logged", "grantee=user:bob role=GRANT_ROLE_WRITER"
    assert find(guarded, name, method="CreateExperiment")[0].code == "OK"
    assert find(guarded, f"experiment_id={experiment} {role}", method="SetGrant")


def test_an_upload_names_its_run_and_its_file(guarded: GuardedServer) -> None:
    run = guarded.apis["ada"].create_run(guarded.apis["ada"].create_experiment("uploads"))
    upload(guarded.apis["ada"], run, "model/weights.bin", b"w")
    with suppress(grpc.RpcError):
        upload(guarded.apis["eve"], run, "model/weights.bin", b"w")
    found = [
        find(guarded, f"run_id={run} path=model/weights.bin", user_name=name)
        for name in ("ada", "eve")
    ]
    assert [entry.code for (entry,) in found] == ["OK", "NOT_FOUND"]


def test_values_are_in_no_entry(guarded: GuardedServer) -> None:
    root = guarded.apis["root"]
    run = root.create_run()
    root.runs.SetTag(SetTagRequest(run_id=run, key="key-of-it", value="value-of-it"))
    (entry,) = find(guarded, f"run_id={run}", method="SetTag")
    assert "of-it" not in str(entry)


def test_a_token_that_somebody_puts_into_a_path_is_in_no_entry(guarded: GuardedServer) -> None:
    token = guarded.tokens["ada"]
    url = f"{guarded.server.http}/lost/{token}/found"
    assert requests.post(url).status_code == 401
    with suppress(grpc.RpcError):
        request = pb.CreateTokenRequest(user_name=token, role=pb.ServerRole.SERVER_ROLE_READER)
        guarded.apis["ada"].access.CreateToken(request)
    find(guarded, "user_name=rst_***", method="CreateToken")
    assert entries(guarded, method="POST /lost/rst_***/found")
    assert token not in str(entries(guarded, max_results=1000))


def test_a_stream_of_batches_is_one_entry_that_names_its_runs(guarded: GuardedServer) -> None:
    root = guarded.apis["root"]
    runs = [root.create_run() for _ in range(12)]
    batches = [make_batch(run, tags=[(f"t{number}", "v")]) for run in runs for number in range(20)]
    root.log_batches(batches)
    wait_until(lambda: bool(entries(guarded, user_name="root", method="LogBatch")), 20)
    (entry,) = entries(guarded, user_name="root", method="LogBatch")
    assert entry.subject == " ".join(f"run_id={run}" for run in runs[:10]) + " and others"


def test_lines_over_http_are_one_entry_that_names_their_runs(guarded: GuardedServer) -> None:
    runs = [guarded.apis["root"].create_run() for _ in range(2)]
    lines = "".join(
        json.dumps({"run_id": run, "tags": [{"key": "k", "value": "v"}]}) + "\n" for run in runs
    )
    url = f"{guarded.server.http}/api/1.0/runstream/logs/stream"
    answer = requests.post(url, lines, headers=guarded.headers("root"))
    assert answer.json()["refused"] == 0
    find(guarded, f"run_id={runs[0]} run_id={runs[1]}", method="LogBatch")


def test_only_admins_read_the_audit_log(guarded: GuardedServer) -> None:
    for name in ("ada", "bob", "eve"):
        with expect_refusal(DENIED, "ROLE_TOO_LOW"):
            guarded.apis[name].access.SearchAuditLog(pb.SearchAuditLogRequest())
    url = f"{guarded.server.http}/api/1.0/runstream/access/audit"
    assert requests.get(url, headers=guarded.headers("bob")).status_code == 403
    assert requests.get(url, headers=guarded.headers("root")).json()["entries"]


def test_pages_go_back_to_the_oldest_entry_once_each(guarded: GuardedServer) -> None:
    for number in range(5):
        guarded.apis["ada"].create_experiment(f"page {number}")
    wait_until(lambda: len(entries(guarded, method="CreateExperiment")) >= 5, 20)
    whole = entries(guarded, user_name="ada", method="CreateExperiment")
    parts: list[pb.AuditEntry] = []
    request = pb.SearchAuditLogRequest(user_name="ada", method="CreateExperiment", max_results=2)
    while True:
        answer = guarded.apis["root"].access.SearchAuditLog(request)
        parts += answer.entries
        request.page_token = answer.next_page_token
        if not request.page_token:
            break
    assert parts == whole


def test_whoever_knocks_all_day_fills_no_disk(guarded: GuardedServer) -> None:
    before = round(1000 * time.time())
    for _ in range(400):
        with suppress(grpc.RpcError):
            guarded.apis["nobody"].access.GetCaller(pb.GetCallerRequest())
    time.sleep(1.5)
    seconds = time.time() - before / 1000
    found = entries(guarded, method="GetCaller", start_time=before, max_results=1000)
    assert 0 < len(found) <= 50 * (2 * seconds + 1)


def test_whoever_knocks_where_everybody_may_fills_no_disk_either(guarded: GuardedServer) -> None:
    before = round(1000 * time.time())
    with requests.Session() as stranger:
        for _ in range(400):
            assert stranger.post(f"{guarded.server.http}/health").status_code == 405
    guarded.apis["ada"].create_experiment("amid the knocking")
    time.sleep(1.5)
    seconds = time.time() - before / 1000
    found = entries(guarded, method="POST /health", start_time=before, max_results=1000)
    assert 0 < len(found) <= 50 * (2 * seconds + 1)
    assert entries(guarded, user_name="ada", method="CreateExperiment", start_time=before)


def test_strangers_are_recorded_a_thousand_times_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Any] = []
    hour = 3_600_000
    clock = hour

    async def submit(_: Any, entries: list[Any]) -> None:
        written.extend(entries)

    log = AuditLog(SimpleNamespace(submit=submit), SimpleNamespace(is_open=False), 0)  # type: ignore[arg-type]
    monkeypatch.setattr(audit, "now", lambda: clock)

    def knock() -> int:
        written.clear()
        for number in range(60):
            for port in range(60):
                peer = f"ipv4:192.0.2.{number % 5}:{port}"
                log.record(None, peer, "GetCaller", "", "UNAUTHENTICATED")
            asyncio.run(log.flush())
        return sum("left out" not in entry.subject for entry in written)

    assert knock() == 1000
    assert knock() == 0
    log.record(Caller("ada", ServerRole.WRITER), "", "DeleteRun", "", "PERMISSION_DENIED")
    asyncio.run(log.flush())
    assert len(written) == 1
    clock += hour
    assert knock() == 1000


def test_the_command_prints_lines_of_json_for_admins_alone(guarded: GuardedServer) -> None:
    experiment = guarded.apis["ada"].create_experiment("printed")
    guarded.apis["ada"].experiments.DeleteExperiment(
        DeleteExperimentRequest(experiment_id=experiment)
    )
    find(guarded, f"experiment_id={experiment}", method="DeleteExperiment")

    def run(name: str) -> subprocess.CompletedProcess[str]:
        environment = {
            **ENVIRONMENT,
            "RUNSTREAM_TRACKING_URI": f"grpc://{guarded.server.address}",
            "RUNSTREAM_TOKEN": guarded.tokens[name],
        }
        command = [sys.executable, "-m", "runstream", "audit", "--user", "ada", "--limit", "3"]
        return subprocess.run(
            command, capture_output=True, text=True, env=environment, timeout=60, check=False
        )

    lines = [json.loads(line) for line in run("root").stdout.splitlines()]
    assert 0 < len(lines) <= 3
    assert {line["user_name"] for line in lines} == {"ada"}
    assert lines[0]["method"] == "DeleteExperiment"
    refused = run("eve")
    assert refused.returncode != 0
    assert refused.stdout == ""
