"""Watches, as those see them who have a grant on the experiment, and those who have none."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from runstream.v1 import access_service_pb2 as access_pb
from runstream.v1.run_service_pb2 import CreateRunRequest, SetTagRequest
from runstream.v1.watch_service_pb2 import GetPositionRequest, WatchRequest
from runstream_service.access.recheck import RECHECK_SECONDS
from support.access import GuardedServer
from support.api import Api, expect_refusal

NOT_FOUND = grpc.StatusCode.NOT_FOUND
NO_RUN = 32 * "0"
NO_EXPERIMENT = "1000000"


@pytest.fixture(scope="module")
def experiment(guarded: GuardedServer) -> str:
    return guarded.apis["ada"].create_experiment("watched by Ada")


@pytest.fixture(scope="module")
def run_id(guarded: GuardedServer, experiment: str) -> str:
    return create_run(guarded.apis["ada"], experiment)


def create_run(api: Api, experiment: str) -> str:
    return api.runs.CreateRun(CreateRunRequest(experiment_id=experiment)).run.info.run_id


def set_tag(api: Api, run_id: str, value: str) -> None:
    api.runs.SetTag(SetTagRequest(run_id=run_id, key="note", value=value))


def tags_told(answers: Iterator[Any]) -> Iterator[str]:
    for answer in answers:
        for change in answer.changes:
            yield from (tag.value for tag in change.tags if tag.key == "note")


def test_what_one_does_not_see_cannot_be_watched(
    guarded: GuardedServer, experiment: str, run_id: str
) -> None:
    eve = guarded.apis["eve"]
    of_root = guarded.apis["root"].watches.GetPosition(GetPositionRequest()).position
    for known in ("", of_root):
        with expect_refusal(NOT_FOUND, "RUN_NOT_FOUND") as expected:
            next(eve.watches.Watch(WatchRequest(run_ids=[NO_RUN], position=known), timeout=30))
        with expect_refusal(NOT_FOUND, "RUN_NOT_FOUND") as refusal:
            next(eve.watches.Watch(WatchRequest(run_ids=[run_id], position=known), timeout=30))
        assert refusal.message == expected.message.replace(NO_RUN, run_id)
        with expect_refusal(NOT_FOUND, "EXPERIMENT_NOT_FOUND") as expected:
            request = WatchRequest(experiment_ids=[NO_EXPERIMENT], position=known)
            next(eve.watches.Watch(request, timeout=30))
        with expect_refusal(NOT_FOUND, "EXPERIMENT_NOT_FOUND") as refusal:
            request = WatchRequest(experiment_ids=[experiment], position=known)
            next(eve.watches.Watch(request, timeout=30))
        assert refusal.message == expected.message.replace(NO_EXPERIMENT, experiment)


def test_a_watch_tells_nothing_of_other_experiments(guarded: GuardedServer, run_id: str) -> None:
    ada, eve = guarded.apis["ada"], guarded.apis["eve"]
    own = eve.create_experiment("watched by Eve")
    watch = eve.watches.Watch(WatchRequest(experiment_ids=[own]), timeout=60)
    next(watch)
    set_tag(ada, run_id, "a secret")
    set_tag(eve, create_run(eve, own), "her own")
    assert next(tags_told(watch)) == "her own"
    watch.cancel()


@pytest.mark.parametrize("by", ["run", "experiment"])
@pytest.mark.parametrize("is_idle", [False, True])
def test_a_watch_ends_within_seconds_when_its_grant_is_taken_away(
    guarded: GuardedServer, experiment: str, run_id: str, by: str, is_idle: bool
) -> None:
    ada, bob = guarded.apis["ada"], guarded.apis["bob"]
    grant: Any = {"experiment_id": experiment, "grantee": "user:bob"}
    role = access_pb.GrantRole.GRANT_ROLE_READER
    ada.access.SetGrant(access_pb.SetGrantRequest(**grant, role=role))
    named: Any = {"run_ids": [run_id]} if by == "run" else {"experiment_ids": [experiment]}
    watch = bob.watches.Watch(WatchRequest(**named), timeout=60)
    next(watch)
    set_tag(ada, run_id, f"for Bob, by {by}")
    assert next(tags_told(watch)) == f"for Bob, by {by}"
    ada.access.DeleteGrant(access_pb.DeleteGrantRequest(**grant))
    if not is_idle:
        time.sleep(RECHECK_SECONDS + 0.5)
        set_tag(ada, run_id, "not for Bob")
    began = time.monotonic()
    with expect_refusal(NOT_FOUND, f"{by.upper()}_NOT_FOUND"):
        assert "not for Bob" not in list(tags_told(watch))
    assert time.monotonic() - began < (30 if is_idle else 8)
