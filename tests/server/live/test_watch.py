"""Watching runs: what is committed is told, to as many as watch, and nobody is held back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import grpc
import pytest

from runstream.rules import MESSAGE_BYTES, VALUE_CHARACTERS
from runstream.v1 import run_service_pb2 as runs
from runstream.v1.experiment_service_pb2 import (
    CreateExperimentRequest,
    DeleteExperimentRequest,
    RestoreExperimentRequest,
)
from runstream.v1.logging_service_pb2 import RunUpdate
from runstream.v1.run_pb2 import Param, RunStatus, RunTag
from runstream.v1.watch_service_pb2 import (
    GetPositionRequest,
    RunChange,
    WatchRequest,
    WatchResponse,
)
from runstream_service.engine.changes import Change
from runstream_service.live import commits, feed
from runstream_service.server import GRACE
from support.api import Api, expect_refusal, make_batch, table_points
from support.run_batches import RunWriter, everything
from support.server_process import ServerProcess

POINTS = [("loss", step, step, 0.5) for step in range(10)]


class Watch:
    """A Watch call, and the position that it has come to."""

    def __init__(self, api: Api, **request: Any) -> None:
        self.answers: Any = api.watches.Watch(WatchRequest(**request), timeout=60)
        first = next(self.answers)
        assert not first.changes
        self.position = first.position

    def changes(self) -> Iterator[RunChange]:
        for answer in self.answers:
            self.position = answer.position
            yield from answer.changes

    def take(self, count: int) -> list[RunChange]:
        return list(islice(self.changes(), count))

    def position_beyond(self, position: str) -> str:
        """The position, once it is another."""
        while self.position == position:
            self.position = next(self.answers).position
        return self.position


def position(api: Api) -> str:
    return api.watches.GetPosition(GetPositionRequest()).position


def steps(changes: list[RunChange]) -> list[int]:
    return [step for change in changes for step in change.metrics.step]


def fill(api: Api, run_id: str, mebibytes: int) -> None:
    """Commit so much to a run, in tags."""
    for _ in range(-(-mebibytes // 3)):
        tags = [(f"t{i}", "x" * VALUE_CHARACTERS) for i in range(48)]
        api.log_batches([make_batch(run_id, tags=tags)])


def test_everything_that_is_committed_to_a_run_is_told_in_order(api: Api) -> None:
    experiment = api.experiments.CreateExperiment(CreateExperimentRequest(name="e"))
    experiment_id = experiment.experiment_id
    watch = Watch(api, experiment_ids=[experiment_id])
    request = runs.CreateRunRequest(experiment_id=experiment_id, run_name="first", start_time=7)
    created = api.runs.CreateRun(request).run
    run_id = created.info.run_id
    api.log_batches([make_batch(run_id, POINTS, [("lr", "0.1")], [("t", "1")])])
    api.runs.SetTag(runs.SetTagRequest(run_id=run_id, key="mlflow.runName", value="second"))
    api.runs.DeleteTag(runs.DeleteTagRequest(run_id=run_id, key="t"))
    ended = runs.UpdateRunRequest(run_id=run_id, status=RunStatus.FINISHED, end_time=9)
    api.runs.UpdateRun(ended)
    api.runs.DeleteRun(runs.DeleteRunRequest(run_id=run_id))
    api.runs.DeleteRun(runs.DeleteRunRequest(run_id=run_id))
    api.runs.RestoreRun(runs.RestoreRunRequest(run_id=run_id))
    api.experiments.DeleteExperiment(DeleteExperimentRequest(experiment_id=experiment_id))
    api.experiments.RestoreExperiment(RestoreExperimentRequest(experiment_id=experiment_id))
    first, logged, renamed, tagged, untagged, finished, *stages = watch.take(10)
    assert {(c.run_id, c.experiment_id) for c in (first, logged, tagged, *stages)} == {
        (run_id, experiment_id)
    }
    assert first.info == created.info
    assert list(first.tags) == list(created.data.tags)
    assert list(table_points(logged.metrics)) == POINTS
    assert [(p.key, p.value) for p in logged.params] == [("lr", "0.1")]
    assert [(t.key, t.value) for t in logged.tags] == [("t", "1")]
    assert not logged.HasField("info")
    assert renamed.info.run_name == "second"
    assert [(t.key, t.value) for t in tagged.tags] == [("mlflow.runName", "second")]
    assert list(untagged.deleted_tags) == ["t"]
    assert (finished.info.status, finished.info.end_time) == (RunStatus.FINISHED, 9)
    stage_names = [change.info.lifecycle_stage for change in stages]
    assert stage_names == ["deleted", "active", "deleted", "active"]


def test_what_batches_say_of_runs_is_told_as_if_by_the_calls_that_say_the_same(api: Api) -> None:
    experiment_id = api.create_experiment("e")
    watch = Watch(api, experiment_ids=[experiment_id])
    run = RunWriter()
    start = run.start(("a", "1"), ("b", "1"), experiment_name="e", run_name="first")
    (started,) = api.log_batches([start])
    api.log_batches(
        [
            run.batch(
                metrics=make_batch("", POINTS).metrics,
                params=[Param(key="lr", value="0.1")],
                deleted_tags=["a", "b"],
                tags=[RunTag(key="b", value="2")],
                update=RunUpdate(status=RunStatus.FINISHED, end_time=9, run_name="second"),
            ),
            start,
            run.batch(**everything()),
            run.batch(tags=[RunTag(key="c", value="3")]),
        ]
    )
    first, deleted, logged, *named, ended, last = watch.take(6)
    assert {(c.run_id, c.experiment_id) for c in (first, deleted, logged, *named, ended)} == {
        (run.run_id, experiment_id)
    }
    assert first.info == started.run_infos[0]
    assert {t.key: t.value for t in first.tags} == {"a": "1", "b": "1", "mlflow.runName": "first"}
    assert list(deleted.deleted_tags) == ["a", "b"]
    assert list(table_points(logged.metrics)) == POINTS
    assert [(p.key, p.value) for p in logged.params] == [("lr", "0.1")]
    assert [(t.key, t.value) for t in logged.tags] == [("b", "2")]
    assert (ended.info.status, ended.info.end_time) == (RunStatus.FINISHED, 9)
    assert (ended.info.run_name, ended.tags[0].value) == ("second", "second")
    assert [(t.key, t.value) for t in last.tags] == [("c", "3")]


def test_a_refused_batch_is_not_told(api: Api) -> None:
    """X4."""
    run_id = api.create_run()
    watch = Watch(api, run_ids=[run_id])
    api.log_batches(
        [
            make_batch(run_id, params=[("lr", "0.1")]),
            make_batch(run_id, POINTS, [("lr", "0.2")], [("t", "1")]),
            make_batch(run_id, [("m", -1, 1, 1.0)]),
        ]
    )
    first, second = watch.take(2)
    assert [p.value for p in first.params] == ["0.1"]
    assert steps([second]) == [-1]


def test_a_watch_tells_of_what_is_named_and_of_nothing_else(api: Api) -> None:
    experiment = api.experiments.CreateExperiment(CreateExperimentRequest(name="e"))
    run_id, other = api.create_run(), api.create_run()
    watch = Watch(api, run_ids=[run_id], experiment_ids=[experiment.experiment_id])
    api.log_batches([make_batch(other, POINTS), make_batch(run_id, [("m", 1, 1, 1.0)])])
    request = runs.CreateRunRequest(experiment_id=experiment.experiment_id)
    later = api.runs.CreateRun(request).run.info.run_id
    api.log_batches([make_batch(other, POINTS), make_batch(later, [("m", 2, 1, 1.0)])])
    changes = watch.take(3)
    assert [change.run_id for change in changes] == [run_id, later, later]
    assert steps(changes) == [1, 2]


def test_a_watch_from_a_position_tells_what_followed_it_and_goes_on(api: Api) -> None:
    run_id = api.create_run()
    start = position(api)
    for step in range(50):
        api.log_batches([make_batch(run_id, [("m", step, 1, 1.0)])])
    watch = Watch(api, run_ids=[run_id], position=start)
    assert steps(watch.take(50)) == list(range(50))
    api.log_batches([make_batch(run_id, [("m", 50, 1, 1.0)])])
    assert steps(watch.take(1)) == [50]
    api.log_batches([make_batch(run_id, [("m", 51, 1, 1.0)])])
    again = Watch(api, run_ids=[run_id], position=watch.position)
    assert steps(again.take(1)) == [51]


def test_a_call_that_names_nothing_or_what_is_not_there_is_refused(api: Api) -> None:
    """X1."""
    with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, "NOTHING_NAMED"):
        Watch(api)
    with expect_refusal(grpc.StatusCode.NOT_FOUND, "RUN_NOT_FOUND") as refusal:
        Watch(api, run_ids=[api.create_run(), "f" * 32])
    assert refusal.metadata["value"] == "f" * 32
    with expect_refusal(grpc.StatusCode.NOT_FOUND, "EXPERIMENT_NOT_FOUND"):
        Watch(api, experiment_ids=["0", "7"])
    with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, "TOO_MANY_IDS") as refusal:
        Watch(api, experiment_ids=["0"] * 1001)
    assert refusal.metadata == {"field": "experiment_ids", "value": "1001", "limit": "1000"}


@pytest.mark.parametrize("text", ["x", "-", "x-", "x-1x", "-1", "x-²", "x-" + "1" * 100])
def test_a_position_that_is_none_is_refused(api: Api, text: str) -> None:
    with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, "POSITION_MALFORMED") as refusal:
        Watch(api, experiment_ids=["0"], position=text)
    assert refusal.metadata["field"] == "position"


def test_a_position_that_has_not_come_yet_is_refused(api: Api) -> None:
    server, _, number = position(api).rpartition("-")
    with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, "POSITION_MALFORMED"):
        Watch(api, experiment_ids=["0"], position=f"{server}-{int(number) + 1}")


@pytest.mark.sqlite
def test_a_position_of_before_a_restart_is_told_so(
    server: ServerProcess, api: Api, connect: Callable[[str], Api]
) -> None:
    old = position(api)
    server.stop()
    api = connect(server.restart().address)
    with expect_refusal(grpc.StatusCode.FAILED_PRECONDITION, "WATCH_FELL_BEHIND") as refusal:
        Watch(api, experiment_ids=["0"], position=old)
    assert refusal.metadata["cause"] == "the server was started again"
    Watch(api, experiment_ids=["0"], position=refusal.metadata["limit"])


def test_a_watcher_that_does_not_read_holds_nobody_back_and_is_told(api: Api) -> None:
    run_id = api.create_run()
    start = position(api)
    slow = Watch(api, run_ids=[run_id])
    fill(api, run_id, commits.KEPT_BYTES // 2**20 + 10)
    with expect_refusal(grpc.StatusCode.FAILED_PRECONDITION, "WATCH_FELL_BEHIND") as refusal:
        slow.take(1_000)
    assert refusal.metadata["cause"] == "too much was committed since"
    with expect_refusal(grpc.StatusCode.FAILED_PRECONDITION, "WATCH_FELL_BEHIND"):
        Watch(api, run_ids=[run_id], position=start)


def test_the_position_of_a_quiet_watch_goes_on_with_the_commits_of_others(api: Api) -> None:
    quiet, busy = api.create_run(), api.create_run()
    watch = Watch(api, run_ids=[quiet])
    start = watch.position
    fill(api, busy, commits.KEPT_BYTES // 2**20 + 10)
    time.sleep(1.1)
    while watch.position_beyond(start) != position(api):
        start = watch.position
    api.log_batches([make_batch(quiet, [("m", 1, 1, 1.0)])])
    again = Watch(api, run_ids=[quiet], position=watch.position)
    assert steps(again.take(1)) == steps(watch.take(1)) == [1]


def test_a_large_batch_is_told_in_messages_that_anybody_accepts(api: Api) -> None:
    """M7."""
    run_id = api.create_run()
    start = position(api)
    points = [(f"metric {i} {'x' * 200}", i, i, i / 7) for i in range(15_000)]
    text = "x" * VALUE_CHARACTERS
    api.log_batches(
        [
            make_batch(run_id, points),
            make_batch(run_id, [("m", i, 1, i / 7) for i in range(150_000)]),
            make_batch(run_id, params=[(f"p{i}", text) for i in range(60)]),
            make_batch(
                run_id, [("m", -1, 1, 1.0)], [("p", text)], [(f"t{i}", text) for i in range(50)]
            ),
        ]
    )
    request = WatchRequest(run_ids=[run_id], position=start)
    answers: list[WatchResponse] = []
    stream: Any = api.watches.Watch(request, timeout=60)
    while not answers or answers[-1].position != position(api):
        answers.append(next(stream))
    assert max(answer.ByteSize() for answer in answers) < MESSAGE_BYTES
    changes = [change for answer in answers for change in answer.changes]
    told = [point for change in changes for point in table_points(change.metrics)]
    assert told[:15_000] == points
    assert [point[1] for point in told[15_000:]] == [*range(150_000), -1]
    assert [p.key for change in changes for p in change.params] == [
        *(f"p{i}" for i in range(60)),
        "p",
    ]
    assert [t.key for change in changes for t in change.tags] == [f"t{i}" for i in range(50)]


def test_a_hundred_watchers_are_told_everything(api: Api) -> None:
    run_id = api.create_run()
    watches = [Watch(api, run_ids=[run_id]) for _ in range(90)]
    watches += [Watch(api, experiment_ids=["0"]) for _ in range(10)]
    for start in range(0, 1000, 20):
        api.log_batches([make_batch(run_id, [("m", start + i, 1, 1.0)]) for i in range(20)])
    for watch in watches:
        assert steps(watch.take(1000)) == list(range(1000))


def test_a_stopping_server_ends_the_watches(server: ServerProcess, api: Api) -> None:
    watch = Watch(api, experiment_ids=["0"])
    threading.Timer(0.1, server.stop).start()
    started = time.monotonic()
    with expect_refusal(grpc.StatusCode.UNAVAILABLE, "SERVER_STOPPING"):
        watch.take(1)
    assert server.process.wait(10) == 0
    assert time.monotonic() - started < GRACE  # which watches are not given


def test_nothing_is_noted_or_kept_when_nobody_is_interested_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watched = feed.Feed()
    assert not watched.begin()
    watcher = watched.subscribe({"r"}, set(), watched.commits.seen)
    monkeypatch.setattr(feed, "INTEREST", 0.0)
    watched.publish([Change("r", 0)])
    assert list(watcher.pending) == [1]
    assert watched.begin()
    watched.unsubscribe(watcher)
    time.sleep(0.001)
    watched.publish([Change("r", 0)])
    assert not watched.begin()
    assert not watched.commits
    assert not watched._by_run
