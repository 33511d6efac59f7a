"""MoveRuns, as those call it who do not write in both experiments (R10)."""

from __future__ import annotations

import grpc

from runstream.v1.access_service_pb2 import GrantRole, SearchAuditLogRequest
from runstream.v1.run_moves_pb2 import MoveRunsRequest
from runstream.v1.run_service_pb2 import CreateRunRequest, GetRunRequest
from runstream.v1.watch_service_pb2 import WatchRequest
from support.access import GuardedServer
from support.api import Api, expect_refusal
from support.waiting import wait_until

NOT_FOUND = grpc.StatusCode.NOT_FOUND
DENIED = grpc.StatusCode.PERMISSION_DENIED
NO_RUN = 32 * "0"
NO_EXPERIMENT = "987654321"


def create_run(api: Api, experiment: str) -> str:
    return api.runs.CreateRun(CreateRunRequest(experiment_id=experiment)).run.info.run_id


def move(api: Api, run_id: str, experiment: str) -> None:
    api.runs.MoveRuns(MoveRunsRequest(run_ids=[run_id], experiment_id=experiment))


def test_runs_are_moved_by_who_writes_in_both_experiments(
    guarded: GuardedServer, experiments: list[str]
) -> None:
    ada, eve = guarded.apis["ada"], guarded.apis["eve"]
    own = eve.create_experiment(f"of Eve {experiments[0]}")
    seen, unseen = experiments
    run, secret, hers = create_run(ada, seen), create_run(ada, unseen), create_run(eve, own)
    guarded.grant(seen, "eve", GrantRole.GRANT_ROLE_READER)
    with expect_refusal(DENIED, "ROLE_TOO_LOW"):  # not out of what she only reads
        move(eve, run, own)
    with expect_refusal(DENIED, "ROLE_TOO_LOW"):  # and not into it
        move(eve, hers, seen)
    with expect_refusal(NOT_FOUND, "RUN_NOT_FOUND") as refusal:
        move(eve, secret, own)
    with expect_refusal(NOT_FOUND, "RUN_NOT_FOUND") as expected:
        move(eve, NO_RUN, own)
    assert refusal.message.replace(secret, NO_RUN) == expected.message
    with expect_refusal(NOT_FOUND, "EXPERIMENT_NOT_FOUND") as refusal:
        move(eve, hers, unseen)
    with expect_refusal(NOT_FOUND, "EXPERIMENT_NOT_FOUND") as expected:
        move(eve, hers, NO_EXPERIMENT)
    assert refusal.message.replace(unseen, NO_EXPERIMENT) == expected.message
    for run_id, experiment in ((run, seen), (secret, unseen), (hers, own)):
        found = guarded.apis["root"].runs.GetRun(GetRunRequest(run_id=run_id)).run
        assert found.info.experiment_id == experiment
    guarded.grant(seen, "eve", GrantRole.GRANT_ROLE_WRITER)
    move(eve, run, own)
    with expect_refusal(NOT_FOUND, "RUN_NOT_FOUND"):  # whoever had a grant where it was
        ada.runs.GetRun(GetRunRequest(run_id=run))
    listing = SearchAuditLogRequest(user_name="eve", method="MoveRuns")
    log = guarded.apis["root"].access

    def is_logged() -> bool:
        subjects = [entry.subject for entry in log.SearchAuditLog(listing).entries]
        return f"experiment_id={own} run_ids=['{run}']" in subjects

    wait_until(is_logged, 20)


def test_a_watch_ends_for_a_run_that_is_moved_to_where_one_does_not_see_it(
    guarded: GuardedServer, experiments: list[str]
) -> None:
    ada, bob = guarded.apis["ada"], guarded.apis["bob"]
    seen, unseen = experiments
    guarded.grant(seen, "bob", GrantRole.GRANT_ROLE_READER)
    run = create_run(ada, seen)
    watch = bob.watches.Watch(WatchRequest(run_ids=[run]), timeout=60)
    next(watch)
    move(ada, run, unseen)
    with expect_refusal(NOT_FOUND, "RUN_NOT_FOUND"):
        next(answer for answer in watch if answer.changes)
