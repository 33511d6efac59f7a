"""CopyRuns, as those call it who do not see the runs, or do not write where copies go (R11)."""

from __future__ import annotations

import secrets

import grpc

from runstream.v1.access_service_pb2 import GrantRole
from runstream.v1.run_copies_pb2 import CopyRunsRequest
from runstream.v1.run_pb2 import RunStatus
from runstream.v1.run_service_pb2 import CreateRunRequest, GetRunRequest, UpdateRunRequest
from runstream.v1.write_pb2 import WriteId
from support.access import GuardedServer
from support.api import Api, expect_refusal

NOT_FOUND = grpc.StatusCode.NOT_FOUND
DENIED = grpc.StatusCode.PERMISSION_DENIED
NO_RUN = 32 * "0"
NO_EXPERIMENT = "987654321"


def create_run(api: Api, experiment: str) -> str:
    created = api.runs.CreateRun(CreateRunRequest(experiment_id=experiment))
    run_id = created.run.info.run_id
    api.runs.UpdateRun(UpdateRunRequest(run_id=run_id, status=RunStatus.FINISHED))
    return run_id


def copy(api: Api, run_id: str, experiment: str, writer: str = "") -> str:
    write = WriteId(writer=writer or secrets.token_hex(16), sequence=1)
    request = CopyRunsRequest(run_ids=[run_id], experiment_id=experiment, write=write)
    while not (answer := api.runs.CopyRuns(request)).done:
        pass
    return answer.copies[0].run_id


def test_runs_are_copied_by_who_reads_them_and_writes_where_they_go(
    guarded: GuardedServer, experiments: list[str]
) -> None:
    ada, eve, bob = (guarded.apis[name] for name in ("ada", "eve", "bob"))
    own = eve.create_experiment(f"of Eve {experiments[0]}")
    seen, unseen = experiments
    run, secret, hers = create_run(ada, seen), create_run(ada, unseen), create_run(eve, own)
    for name in ("eve", "bob"):
        guarded.grant(seen, name, GrantRole.GRANT_ROLE_READER)
    writer = secrets.token_hex(16)
    copied = copy(eve, run, own, writer)  # reading it is enough
    assert eve.runs.GetRun(GetRunRequest(run_id=copied)).run.info.experiment_id == own
    with expect_refusal(NOT_FOUND, "RUN_NOT_FOUND"):
        ada.runs.GetRun(GetRunRequest(run_id=copied))
    with expect_refusal(DENIED, "ROLE_TOO_LOW"):
        copy(eve, hers, seen)
    with expect_refusal(DENIED, "ROLE_TOO_LOW"):
        copy(bob, run, seen)  # who only reads on this server
    with expect_refusal(NOT_FOUND, "RUN_NOT_FOUND") as refusal:
        copy(eve, secret, own)
    with expect_refusal(NOT_FOUND, "RUN_NOT_FOUND") as expected:
        copy(eve, NO_RUN, own)
    assert refusal.message.replace(secret, NO_RUN) == expected.message
    with expect_refusal(NOT_FOUND, "EXPERIMENT_NOT_FOUND") as refusal:
        copy(eve, hers, unseen)
    with expect_refusal(NOT_FOUND, "EXPERIMENT_NOT_FOUND") as expected:
        copy(eve, hers, NO_EXPERIMENT)
    assert refusal.message.replace(unseen, NO_EXPERIMENT) == expected.message
    with expect_refusal(NOT_FOUND, "EXPERIMENT_NOT_FOUND"):  # nor by the name of her request
        copy(ada, run, own, writer)
