"""Watching across servers: what any of them commits is told by each, once and in order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import islice, takewhile
from pathlib import Path
from typing import Any

import grpc
import pytest

from runstream import TrackingClient
from runstream.v1 import run_service_pb2 as runs
from runstream.v1.run_pb2 import RunStatus
from runstream.v1.watch_service_pb2 import GetPositionRequest, RunChange, WatchRequest
from support.api import Api, expect_refusal, make_batch
from support.cluster import Cluster
from support.postgres import Postgres
from support.waiting import wait_until

Connect = Callable[[str], Api]

#: A tag that ends what a test reads of a watch.
END = "end"


@pytest.fixture(scope="module")
def cluster(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two servers, which run before each test and after it."""
    cluster = Cluster(tmp_path_factory.mktemp("cluster"), postgres.create_database(), size=2)
    yield cluster
    cluster.stop()


@pytest.fixture
def first(cluster: Cluster, connect: Connect) -> Api:
    return connect(cluster.servers[0].address)


@pytest.fixture
def second(cluster: Cluster, connect: Connect) -> Api:
    return connect(cluster.servers[1].address)


class Watch:
    """A Watch call that has begun, and the position that it has come to."""

    def __init__(self, api: Api, run_ids: list[str], position: str = "") -> None:
        request = WatchRequest(run_ids=run_ids, position=position)
        self._answers: Any = api.watches.Watch(request, timeout=120)
        self.position = next(self._answers).position

    def changes(self) -> Iterator[RunChange]:
        for answer in self._answers:
            self.position = answer.position
            yield from answer.changes

    def at_least(self, count: int) -> list[RunChange]:
        """Return the changes of some answers, all of which the position has seen."""
        changes: list[RunChange] = []
        while len(changes) < count:
            answer = next(self._answers)
            self.position = answer.position
            changes += answer.changes
        return changes

    def until_end(self) -> list[RunChange]:
        """Return what comes before the tag `END`."""
        has_more = lambda change: all(tag.key != END for tag in change.tags)  # noqa: E731
        return list(takewhile(has_more, self.changes()))


def position(api: Api) -> str:
    return api.watches.GetPosition(GetPositionRequest()).position


def log_step(api: Api, run_id: str, step: int) -> None:
    (answer,) = api.log_batches([make_batch(run_id, [("m", step, 1, 1.0)])])
    assert not answer.HasField("error")


def tag(api: Api, run_id: str, key: str, value: str = "") -> None:
    api.runs.SetTag(runs.SetTagRequest(run_id=run_id, key=key, value=value))


def steps(changes: list[RunChange], run_id: str) -> list[int]:
    return [step for c in changes if c.run_id == run_id for step in c.metrics.step]


@contextmanager
def logging(api: Api, run_id: str) -> Iterator[list[int]]:
    """Log steps one after the other meanwhile; the list has those that were answered."""
    answered: list[int] = []
    is_over = threading.Event()

    def work() -> None:
        while not is_over.is_set():
            log_step(api, run_id, len(answered))
            answered.append(len(answered))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield answered
    finally:
        is_over.set()
        thread.join()


def test_a_watch_is_told_of_what_other_servers_commit(first: Api, second: Api) -> None:
    run_id = first.create_run()
    watch = Watch(first, [run_id])
    log_step(second, run_id, 1)
    log_step(first, run_id, 2)
    tag(second, run_id, "t", "x")
    second.runs.UpdateRun(runs.UpdateRunRequest(run_id=run_id, status=RunStatus.FINISHED))
    changes = list(islice(watch.changes(), 4))
    assert steps(changes, run_id) == [1, 2]
    assert [(t.key, t.value) for t in changes[2].tags] == [("t", "x")]
    assert changes[3].info.status == RunStatus.FINISHED


def test_nothing_that_follows_the_start_of_a_watch_is_missed_and_nothing_told_twice(
    first: Api, second: Api
) -> None:
    """Both servers are logged to all the time, and record nothing before."""
    run_ids = [first.create_run(), second.create_run()]
    with logging(first, run_ids[0]) as one, logging(second, run_ids[1]) as other:
        wait_until(lambda: min(len(one), len(other)) > 20, 60)
        start = position(first)
        before = len(one), len(other)
        wait_until(lambda: min(len(one), len(other)) > max(before) + 20, 60)
        watches = [Watch(api, run_ids, start) for api in (first, second)]
        wait_until(lambda: min(len(one), len(other)) > max(before) + 40, 60)
    for run_id in run_ids:
        tag(first, run_id, END)
    for watch in watches:
        changes = watch.until_end()
        for run_id, answered, known in zip(run_ids, (one, other), before, strict=True):
            told = steps(changes, run_id)
            assert told == list(range(told[0], len(answered)))
            assert told[0] <= known + 1  # one may have been under way


def test_a_watch_goes_on_with_another_server_after_its_own_was_killed(
    cluster: Cluster, first: Api, second: Api, connect: Connect
) -> None:
    run_id = first.create_run()
    watch = Watch(first, [run_id])
    with logging(second, run_id) as answered:
        wait_until(lambda: len(answered) > 10, 60)
        log_step(first, run_id, -1)
        told = watch.at_least(8)
        cluster.servers[0].kill()
        wait_until(lambda: len(answered) > 20, 60)
        again = Watch(second, [run_id], watch.position)
    tag(second, run_id, END)
    rest = steps(again.until_end(), run_id)
    assert sorted(steps(told, run_id) + rest) == [-1, *answered]
    cluster.servers[0].restart()
    restarted = Watch(connect(cluster.servers[0].address), [run_id], watch.position)
    assert steps(restarted.until_end(), run_id) == rest


def test_the_watch_of_a_python_client_outlives_each_of_its_servers(
    cluster: Cluster, first: Api
) -> None:
    run_id = first.create_run()
    told: list[int] = []
    with TrackingClient(cluster.uri) as client, closing(client.watch([run_id])) as changes:
        for step in range(4):
            client.log_metric(run_id, "m", 1.0, step=step)
            client.flush()
            told += [metric.step for metric in next(changes).metrics]
            if step in (0, 2):
                cluster.servers[step // 2].kill()
            if step == 1:
                cluster.servers[0].restart()
    cluster.servers[1].restart()
    assert told == list(range(4))


def test_the_last_that_is_told_of_a_run_is_what_it_is(first: Api, second: Api) -> None:
    """Two servers change its status, its name and one tag in turns and at once."""
    run_id = first.create_run()
    watches = [Watch(api, [run_id]) for api in (first, second)]

    def change(api: Api, name: str) -> None:
        for i in range(30):
            status = (RunStatus.RUNNING, RunStatus.FINISHED, RunStatus.KILLED)[i % 3]
            request = runs.UpdateRunRequest(run_id=run_id, status=status, run_name=f"{name}{i}")
            api.runs.UpdateRun(request)
            tag(api, run_id, "t", f"{name}{i}")

    threads = [threading.Thread(target=change, args=of) for of in ((first, "a"), (second, "b"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tag(second, run_id, END)
    run = first.runs.GetRun(runs.GetRunRequest(run_id=run_id)).run
    tags = {tag.key: tag.value for tag in run.data.tags}
    for watch in watches:
        changes = watch.until_end()
        infos = [change.info for change in changes if change.HasField("info")]
        assert len(infos) == 120
        assert infos[-1] == run.info
        told = {tag.key: tag.value for change in changes for tag in change.tags}
        assert (told["t"], told["mlflow.runName"]) == (tags["t"], tags["mlflow.runName"])


def test_a_watch_needs_no_notifications(cluster: Cluster, first: Api, second: Api) -> None:
    run_id = first.create_run()
    watch = Watch(first, [run_id])
    listening = "application_name = 'runstream' AND query LIKE 'LISTEN%'"
    kill = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {listening}"
    wait_until(lambda: len(cluster.servers[0].query(kill)) >= 2, 60)
    for step in range(5):
        log_step(second, run_id, step)
        assert steps(list(islice(watch.changes(), 1)), run_id) == [step]


def test_nothing_is_stored_for_watches_while_nobody_watches(
    postgres: Postgres, tmp_path: Path, connect: Connect
) -> None:
    cluster = Cluster(tmp_path, postgres.create_database(), size=2)
    first, second = (connect(server.address) for server in cluster.servers)
    run_id = first.create_run()
    server = cluster.servers[0]
    wait_until(lambda: not server.query("SELECT 1 FROM server WHERE is_recording"), 60)
    log_step(second, run_id, 1)
    assert server.query("SELECT count(*) FROM change") == [(0,)]
    watch = Watch(first, [run_id])
    log_step(second, run_id, 2)
    assert steps(list(islice(watch.changes(), 1)), run_id) == [2]
    assert server.query("SELECT count(*) FROM change") == [(1,)]
    cluster.stop()


@pytest.mark.parametrize("is_recording", ["true", "false"])
def test_a_watcher_is_told_that_it_fell_behind_when_changes_are_gone_that_it_was_not_told(
    cluster: Cluster, first: Api, second: Api, is_recording: str
) -> None:
    """As after a time without the database, in which nobody was known to be interested."""
    run_id = first.create_run()
    watch = Watch(first, [run_id])
    cluster.servers[0].query(
        f"UPDATE server SET is_recording = {is_recording}, kept_after = 1 + greatest(kept_after,"
        " (SELECT max(number) FROM change WHERE server_id = server.id))"
    )
    log_step(second, run_id, 1)
    with expect_refusal(grpc.StatusCode.FAILED_PRECONDITION, "WATCH_FELL_BEHIND") as refusal:
        watch.at_least(100)
    assert refusal.metadata["cause"] == "too much was committed since"
    again = Watch(first, [run_id], position(second))
    log_step(second, run_id, 2)
    assert steps(again.at_least(1), run_id) == [2]


def test_a_watch_outlives_its_database(tmp_path: Path, connect: Connect) -> None:
    postgres = Postgres()
    cluster = Cluster(tmp_path, postgres.create_database(), size=2)
    first, second = (connect(server.address) for server in cluster.servers)
    run_id = first.create_run()
    watch = Watch(first, [run_id])
    log_step(second, run_id, 1)
    assert steps(watch.at_least(1), run_id) == [1]
    postgres.kill()
    postgres.start()

    def has_logged() -> bool:
        try:
            log_step(second, run_id, 2)
        except grpc.RpcError:
            return False
        return True

    wait_until(has_logged, 60)
    assert set(steps(watch.at_least(1), run_id)) == {2}
    cluster.stop()
    postgres.stop()
