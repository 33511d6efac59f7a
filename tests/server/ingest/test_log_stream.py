"""The LogBatch stream: rows M1 to M5, M7, P1, P5 and X4 of docs/behaviour.md."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any

import grpc
import pytest

from runstream.v1.logging_service_pb2 import LogBatchRequest, LogBatchResponse
from runstream.v1.metric_pb2 import MetricTable
from runstream.v1.run_pb2 import Param
from runstream.v1.run_service_pb2 import DeleteRunRequest, GetRunRequest
from support.api import Api, Point, expect_refusal, make_batch
from support.server_process import ServerProcess

INT64 = (-(2**63), 2**63 - 1)


def test_points_params_and_tags_of_a_batch_are_on_disk_when_it_is_answered(
    server: ServerProcess, api: Api
) -> None:
    run_id = api.create_run()
    points = [("loss", step, 1000 + step, 1 / (step + 1)) for step in range(100)]
    (answer,) = api.log_batches([make_batch(run_id, points, [("lr", "0.1")], [("stage", "one")])])
    assert answer == LogBatchResponse(answered=1)
    server.kill()
    server.restart()
    run = api.runs.GetRun(GetRunRequest(run_id=run_id), wait_for_ready=True, timeout=30).run
    assert api.read_points(run_id) == points
    assert [(p.key, p.value) for p in run.data.params] == [("lr", "0.1")]
    assert ("stage", "one") in [(t.key, t.value) for t in run.data.tags]


def test_answers_count_the_requests_in_order(api: Api) -> None:
    run_id = api.create_run()
    answers = api.log_batches(make_batch(run_id, [("m", step, step, 0.5)]) for step in range(500))
    counts = [answer.answered for answer in answers]
    assert counts == sorted(set(counts))
    assert counts[-1] == 500
    assert len(api.read_points(run_id)) == 500


def test_an_answer_comes_while_the_stream_is_open(api: Api) -> None:
    run_id = api.create_run()
    requests: SimpleQueue[LogBatchRequest | None] = SimpleQueue()
    answers = api.logging.LogBatch(iter(requests.get, None), timeout=30)
    for count in range(1, 6):
        requests.put(make_batch(run_id, [("m", count, count, 0.5)]))
        assert next(answers).answered == count
    requests.put(None)
    assert list(answers) == []


def test_one_stream_carries_many_runs(api: Api) -> None:
    run_ids = [api.create_run() for _ in range(10)]
    api.log_batches(make_batch(run, [("m", i, i, float(i))]) for i in range(10) for run in run_ids)
    for run_id in run_ids:
        assert api.read_points(run_id) == [("m", i, i, float(i)) for i in range(10)]


BAD: dict[str, tuple[Callable[[str], LogBatchRequest], str, str]] = {
    "unknown run": (lambda _: make_batch("f" * 32, [("m", 0, 0, 0.0)]), "RUN_NOT_FOUND", ""),
    "empty request": (lambda _: LogBatchRequest(), "RUN_NOT_FOUND", ""),
    "empty key": (lambda run: make_batch(run, [("", 0, 0, 0.0)]), "KEY_EMPTY", "metrics.key"),
    "long key": (
        lambda run: make_batch(run, [("k" * 251, 0, 0, 0.0)]),
        "KEY_TOO_LONG",
        "metrics.key",
    ),
    "key with ..": (
        lambda run: make_batch(run, [("a/../b", 0, 0, 0.0)]),
        "KEY_MALFORMED",
        "metrics.key",
    ),
    "key with a tab": (
        lambda run: make_batch(run, [("a\tb", 0, 0, 0.0)]),
        "KEY_MALFORMED",
        "metrics.key",
    ),
    "negative time": (
        lambda run: make_batch(run, [("m", 0, 5, 0.0), ("m", 0, -1, 0.0)]),
        "TIMESTAMP_OUT_OF_RANGE",
        "metrics.timestamp",
    ),
    "short column": (
        lambda run: LogBatchRequest(
            run_id=run, metrics=MetricTable(keys=["m"], counts=[2], step=[1], value=[1, 2])
        ),
        "METRIC_TABLE_MALFORMED",
        "metrics",
    ),
    "no count of a key": (
        lambda run: LogBatchRequest(
            run_id=run,
            metrics=MetricTable(keys=["m", "n"], counts=[1], step=[1], timestamp=[1], value=[1]),
        ),
        "METRIC_TABLE_MALFORMED",
        "metrics.counts",
    ),
    "count of no points": (
        lambda run: LogBatchRequest(
            run_id=run,
            metrics=MetricTable(keys=["m", "n"], counts=[1, 0], step=[1], timestamp=[1], value=[1]),
        ),
        "METRIC_TABLE_MALFORMED",
        "metrics.counts",
    ),
    "counts beyond all points": (
        lambda run: LogBatchRequest(
            run_id=run,
            metrics=MetricTable(
                keys=["m", "n"], counts=[2**32 - 1, 2], step=[1], timestamp=[1], value=[1]
            ),
        ),
        "METRIC_TABLE_MALFORMED",
        "metrics",
    ),
    "key twice": (
        lambda run: LogBatchRequest(
            run_id=run,
            metrics=MetricTable(
                keys=["m", "m"], counts=[1, 1], step=[1, 1], timestamp=[1, 1], value=[1, 2]
            ),
        ),
        "METRIC_TABLE_MALFORMED",
        "metrics.keys",
    ),
    "param changed": (
        lambda run: make_batch(run, [("m", 9, 9, 9.0)], [("new", "1"), ("lr", "2")], [("t", "x")]),
        "PARAM_IMMUTABLE",
        "params.lr",
    ),
    "param repeated": (
        lambda run: make_batch(run, (), [("a", "1"), ("a", "1")]),
        "PARAM_REPEATED",
        "params.a",
    ),
    "long param": (
        lambda run: make_batch(run, (), [("a", "x" * 65_537)]),
        "VALUE_TOO_LONG",
        "params.a",
    ),
    "long tag": (
        lambda run: make_batch(run, (), (), [("a", "x" * 65_537)]),
        "VALUE_TOO_LONG",
        "tags.a",
    ),
    "bad param key": (lambda run: make_batch(run, (), [("/a", "")]), "KEY_MALFORMED", "params.key"),
    "bad tag key": (lambda run: make_batch(run, (), (), [("a/", "")]), "KEY_MALFORMED", "tags.key"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_batch_is_answered_by_its_error_and_the_stream_goes_on(api: Api, name: str) -> None:
    """M1, M2, P1, P2, P5, X4."""
    make, reason, field = BAD[name]
    run_id = api.create_run()
    answers = api.log_batches(
        [
            make_batch(run_id, [("m", 1, 1, 1.0)], [("lr", "1")]),
            make(run_id),
            make_batch(run_id, [("m", 2, 2, 2.0)]),
        ]
    )
    errors = {answer.answered: answer.error for answer in answers if answer.HasField("error")}
    assert answers[-1].answered == 3
    assert [(at, error.reason) for at, error in errors.items()] == [(2, reason)]
    assert errors[2].message
    if field:
        assert errors[2].metadata["field"] == field
    run = api.runs.GetRun(GetRunRequest(run_id=run_id)).run
    assert api.read_points(run_id) == [("m", 1, 1, 1.0), ("m", 2, 2, 2.0)]
    assert [(p.key, p.value) for p in run.data.params] == [("lr", "1")]
    assert [t.key for t in run.data.tags] == ["mlflow.runName"]


def test_every_refused_batch_gets_its_own_error(api: Api) -> None:
    run_id = api.create_run()
    answers = api.log_batches(
        make_batch(run_id if i % 3 else "unknown", [("m", i, i, float(i))]) for i in range(30)
    )
    refused_at = [answer.answered for answer in answers if answer.HasField("error")]
    assert refused_at == [i + 1 for i in range(30) if i % 3 == 0]
    assert [step for _, step, _, _ in api.read_points(run_id)] == [i for i in range(30) if i % 3]


def test_a_deleted_run_refuses_batches(api: Api) -> None:
    """E3."""
    run_id = api.create_run()
    api.log_batches([make_batch(run_id, [("m", 1, 1, 1.0)])])
    api.runs.DeleteRun(DeleteRunRequest(run_id=run_id))
    (answer,) = api.log_batches([make_batch(run_id, [("m", 2, 2, 2.0)])])
    assert (answer.error.reason, answer.error.code) == (
        "RUN_DELETED",
        grpc.StatusCode.FAILED_PRECONDITION.value[0],
    )
    assert len(api.read_points(run_id)) == 1


def test_resending_batches_changes_nothing(api: Api) -> None:
    """M4."""
    run_id = api.create_run()
    requests = [
        make_batch(
            run_id,
            [(key, i * 10 + j, j, float(i * j)) for j in range(10) for key in ("a", "b")],
            [(f"p{i}", str(i))],
            [("t", str(i))],
        )
        for i in range(20)
    ]
    api.log_batches(requests)
    before = api.read_points(run_id), api.read_latest_points(run_id)
    answers = api.log_batches([*requests[7:], *requests])
    assert not any(answer.HasField("error") for answer in answers)
    assert (api.read_points(run_id), api.read_latest_points(run_id)) == before
    assert len(before[0]) == 400


def test_the_same_point_twice_in_one_batch_is_one_point(api: Api) -> None:
    """M4."""
    run_id = api.create_run()
    nan = float("nan")
    api.log_batches(
        [make_batch(run_id, [("m", 1, 1, 2.0), ("m", 1, 1, nan), ("m", 1, 1, 2.0)] * 3)]
    )
    (first, second) = api.read_points(run_id)
    assert first == ("m", 1, 1, 2.0)
    assert second[3] != second[3]


def test_points_that_differ_in_any_part_are_all_kept(api: Api) -> None:
    """M2, M4: any 64-bit step, repeated, out of order and with gaps."""
    run_id = api.create_run()
    points: list[Point] = [
        ("m", step, timestamp, value)
        for step in (*INT64, 0, -20, 75, 5, 1)
        for timestamp in (2**63 - 1, 0)
        for value in (1.5, -1.5)
    ]
    api.log_batches([make_batch(run_id, points[::2]), make_batch(run_id, points[1::2])])
    assert api.read_points(run_id) == sorted(points)


def test_a_message_over_4_mib_ends_the_stream_and_no_other(api: Api) -> None:
    """M7."""
    run_id = api.create_run()
    other: SimpleQueue[LogBatchRequest | None] = SimpleQueue()
    answers = api.logging.LogBatch(iter(other.get, None), timeout=30)
    other.put(make_batch(run_id, [("m", 1, 1, 1.0)]))
    assert next(answers).answered == 1
    large = LogBatchRequest(run_id=run_id, params=[Param(key="p", value="x" * 2**22)])
    with pytest.raises(grpc.RpcError) as raised:
        api.log_batches([large])
    assert raised.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    other.put(make_batch(run_id, [("m", 2, 2, 2.0)]))
    assert next(answers).answered == 2
    other.put(None)


def test_a_message_just_under_4_mib_is_taken(api: Api) -> None:
    """M7."""
    run_id = api.create_run()
    count = 140_000
    columns = range(count)
    table = MetricTable(
        keys=["m"], counts=[count], step=columns, timestamp=[2**40] * count, value=[0.1] * count
    )
    request = LogBatchRequest(run_id=run_id, metrics=table)
    assert 2**21 < request.ByteSize() < 2**22
    (answer,) = api.log_batches([request])
    assert answer == LogBatchResponse(answered=1)
    assert len(api.read_points(run_id)) == count


def test_garbage_ends_its_stream_with_an_error_and_no_other(
    server: ServerProcess, api: Api
) -> None:
    with grpc.insecure_channel(server.address) as channel:
        method: Any = channel.stream_stream("/runstream.v1.LoggingService/LogBatch")
        with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, "MESSAGE_MALFORMED"):
            list(method(iter([b"\xff\xfe not a message \x00"]), timeout=30))
    run_id = api.create_run()
    assert api.log_batches([make_batch(run_id, [("m", 1, 1, 1.0)])])[-1].answered == 1
    assert "Traceback" not in server.stop()


def test_a_thousand_open_streams_are_all_answered(api: Api) -> None:
    run_id = api.create_run()
    finish = threading.Event()

    def requests(step: int) -> Iterator[LogBatchRequest]:
        yield make_batch(run_id, [("m", step, step, 0.5)])
        finish.wait(60)

    streams = [api.logging.LogBatch(requests(step), timeout=120) for step in range(1000)]
    try:
        for stream in streams:
            assert next(stream) == LogBatchResponse(answered=1)
    finally:
        finish.set()
    assert [list(stream) for stream in streams] == [[]] * 1000
    assert len(api.read_points(run_id)) == 1000


def test_a_client_that_leaves_without_a_word_disturbs_nobody(
    server: ServerProcess, api: Api
) -> None:
    run_id = api.create_run()
    channel = grpc.insecure_channel(server.address)
    forever = threading.Event()

    def requests() -> Iterator[LogBatchRequest]:
        for step in range(200):
            yield make_batch(run_id, [("m", step, step, 0.5)])
        forever.wait(30)

    answers = Api(channel).logging.LogBatch(requests())
    answered = next(answers).answered
    channel.close()
    forever.set()
    api.log_batches([make_batch(run_id, [("m", 1000, 1000, 0.5)])])
    assert len(api.read_points(run_id)) > answered
    assert "Traceback" not in server.stop()
