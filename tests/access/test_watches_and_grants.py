"""Open watches of somebody to whom an experiment is granted, until the grant is gone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from threading import Event, Thread
from typing import Any

import grpc
import pytest
import requests

from runstream.v1.access_service_pb2 import DeleteGrantRequest, GrantRole, SetGrantRequest
from runstream.v1.run_service_pb2 import CreateRunRequest, SetTagRequest
from runstream.v1.watch_service_pb2 import GetPositionRequest, WatchRequest
from support.access import GuardedServer
from support.api import expect_refusal

NOT_FOUND = grpc.StatusCode.NOT_FOUND
REASONS = {"run": "RUN_NOT_FOUND", "experiment": "EXPERIMENT_NOT_FOUND"}
READER = GrantRole.GRANT_ROLE_READER


class Watched:
    """A run in an experiment that nobody but admins sees."""

    def __init__(self, guarded: GuardedServer, name: str) -> None:
        self.guarded, self.root = guarded, guarded.apis["root"]
        self.experiment_id = self.root.create_experiment(name)
        request = CreateRunRequest(experiment_id=self.experiment_id)
        self.run_id = self.root.runs.CreateRun(request).run.info.run_id

    def grant(self, name: str) -> None:
        request = SetGrantRequest(
            experiment_id=self.experiment_id, grantee=f"user:{name}", role=READER
        )
        self.root.access.SetGrant(request)

    def revoke(self, name: str) -> None:
        gone = DeleteGrantRequest(experiment_id=self.experiment_id, grantee=f"user:{name}")
        self.root.access.DeleteGrant(gone)

    def set_tag(self, value: str) -> None:
        self.root.runs.SetTag(SetTagRequest(run_id=self.run_id, key="t", value=value))

    def requests(self, position: str = "") -> dict[str, WatchRequest]:
        return {
            "run": WatchRequest(run_ids=[self.run_id], position=position),
            "experiment": WatchRequest(experiment_ids=[self.experiment_id], position=position),
        }


@pytest.fixture
def watched(guarded: GuardedServer, request: pytest.FixtureRequest) -> Watched:
    return Watched(guarded, request.node.nodeid)


@pytest.fixture
def keep_tagging(watched: Watched) -> Iterator[Callable[[], None]]:
    """Return a function that starts to set a tag ten times a second."""
    stop = Event()

    def tag() -> None:
        number = 0
        while not stop.wait(0.1):
            number += 1
            watched.set_tag(str(number))

    thread = Thread(target=tag)
    yield thread.start
    stop.set()
    thread.join()


def tags(answers: Any) -> Iterator[str]:
    for answer in answers:
        for change in answer.changes:
            for tag in change.tags:
                yield tag.value


@pytest.mark.parametrize("what", ["run", "experiment"])
def test_a_grant_opens_watches_at_once(watched: Watched, what: str) -> None:
    position = watched.root.watches.GetPosition(GetPositionRequest()).position
    watched.set_tag("1")
    watched.grant("eve")
    answers = watched.guarded.apis["eve"].watches.Watch(
        watched.requests(position)[what], timeout=30
    )
    assert next(tags(answers)) == "1"
    answers.cancel()


@pytest.mark.parametrize("what", ["run", "experiment"])
def test_a_watch_ends_within_seconds_after_its_grant(
    watched: Watched, keep_tagging: Callable[[], None], what: str
) -> None:
    watched.grant("eve")
    answers = watched.guarded.apis["eve"].watches.Watch(watched.requests()[what], timeout=60)
    next(answers)
    keep_tagging()
    changes = tags(answers)
    next(changes)
    watched.revoke("eve")
    revoked = time.monotonic()
    with expect_refusal(NOT_FOUND, REASONS[what]):
        for _ in changes:
            pass
    assert time.monotonic() - revoked < 15


def test_events_over_http_end_after_their_grant(
    watched: Watched, keep_tagging: Callable[[], None]
) -> None:
    url = f"{watched.guarded.server.http}/api/1.0/runstream/watch/stream"
    query = {"run_ids": watched.run_id}
    headers = watched.guarded.headers("eve")
    assert requests.get(url, params=query, headers=headers, timeout=60).status_code == 404
    assert requests.get(url, params=query, timeout=60).status_code == 401
    watched.grant("eve")
    with requests.get(url, params=query, headers=headers, stream=True, timeout=60) as answer:
        lines: Iterator[Any] = answer.iter_lines(chunk_size=1, decode_unicode=True)
        assert next(lines).startswith("id: ")
        keep_tagging()
        watched.revoke("eve")
        rest = list(lines)
    assert "event: error" in rest
    assert "RESOURCE_DOES_NOT_EXIST" in "".join(rest)
