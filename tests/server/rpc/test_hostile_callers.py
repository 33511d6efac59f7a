"""What one caller sends does not stop the others: their calls are answered meanwhile."""

from __future__ import annotations

import resource
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

from runstream.v1.logging_service_pb2 import LogMetricRequest, LogRequest
from runstream.v1.run_pb2 import Param
from runstream.v1.run_service_pb2 import CountRunsRequest, SearchRunsRequest
from runstream_service.grpc_server import CONNECTION_CALLS
from runstream_service.rpc.admission import SLOW_AT_ONCE
from runstream_service.rpc.public_calls import CHECKS, STREAMS
from support.api import Api, expect_refusal, make_batch
from support.probe import Probe
from support.server_process import ServerProcess
from support.waiting import wait_until

CHECK, WATCH = "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
LIST_SERVICES = b"\x3a\x00"

Probing = Callable[[ServerProcess], Probe]


@pytest.fixture
def server(start_server: Callable[..., ServerProcess]) -> ServerProcess:
    return start_server(RUNSTREAM_HTTP_PORT="0")


def test_a_batch_of_many_params_with_one_repeated_is_refused_at_once(
    server: ServerProcess, api: Api, probe: Probing
) -> None:
    run_id = api.create_run()
    keys = [f"p{i}" for i in range(270_000)]
    params = [(key, "") for key in [*keys, keys[-1]]]
    with probe(server) as seen:
        (answer,) = api.log_batches([make_batch(run_id, (), params)])
        with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, "PARAM_REPEATED") as refusal:
            api.logging.Log(
                LogRequest(run_id=run_id, params=[Param(key=key) for key, _ in params[-250_000:]])
            )
    assert answer.error.reason == "PARAM_REPEATED"
    assert answer.error.metadata["field"] == refusal.metadata["field"] == f"params.{keys[-1]}"
    seen.assert_others_were_served()


def test_streams_of_very_many_metrics_hold_other_writes_up_for_a_fraction_of_their_time(
    server: ServerProcess, connect: Callable[[str], Api]
) -> None:
    """The queue of the writer would hold all of them at once if it counted their bytes alone."""
    callers = [connect(server.address) for _ in range(5)]
    run_ids = [caller.create_run() for caller in callers]
    ready, over = threading.Barrier(5), threading.Event()
    waits: list[float] = []

    def log_metrics() -> None:
        ready.wait(60)
        while not over.wait(0.01):
            start = time.monotonic()
            callers[0].logging.LogMetric(LogMetricRequest(run_id=run_ids[0], key="m", value=0.5))
            waits.append(time.monotonic() - start)

    def log_new_metrics(caller: Api, run_id: str) -> None:
        batches = [
            make_batch(run_id, [(f"{i}m{j}", 0, 0, 0.5) for j in range(5_000)]) for i in range(15)
        ]
        ready.wait(60)
        assert not any(answer.HasField("error") for answer in caller.log_batches(batches))

    with ThreadPoolExecutor() as threads:
        other = threads.submit(log_metrics)
        pairs = zip(callers[1:], run_ids[1:], strict=True)
        sent = [threads.submit(log_new_metrics, *pair) for pair in pairs]
        start = time.monotonic()
        for stream in sent:
            stream.result()
        total = time.monotonic() - start
        over.set()
        other.result()
    assert max(waits) < total / 2


def test_patterns_that_take_long_are_refused(api: Api) -> None:
    run_id = api.create_run()
    api.log_batches([make_batch(run_id, (), (), [("t", "ab" * 32_768)])])
    for pattern in ("([ab]*){900}", ".{900}", r"\p{L}{30}"):
        with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, "FILTER_MALFORMED") as refusal:
            api.runs.SearchRuns(SearchRunsRequest(filter=f"tags.t RLIKE '{pattern}'"))
        assert "1200 steps" in refusal.metadata["expected"]
    many = " OR ".join(f"tags.t LIKE '%{i}'" for i in range(51))
    with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, "FILTER_MALFORMED"):
        api.runs.CountRuns(CountRunsRequest(filter=many))


def slow_searches(api: Api, count: int) -> list[Any]:
    """Begin searches each of which takes a minute or more."""
    run_id = api.create_run()
    api.log_batches([make_batch(run_id, (), (), [(f"t{i}", "ab" * 32_768) for i in range(15)])])
    slow = " OR ".join(f"tags.t{i} RLIKE '(a?b?){{180}}c{j}'" for i in range(15) for j in range(3))
    return [
        api.runs.SearchRuns.future(SearchRunsRequest(filter=slow), timeout=120)
        for _ in range(count)
    ]


def test_slow_searches_hold_nobody_up_and_end_with_their_callers(
    server: ServerProcess, api: Api, probe: Probing
) -> None:
    with probe(server) as seen:
        searches = slow_searches(api, 8)
        time.sleep(2)
        assert not any(search.done() for search in searches)
        for search in searches:
            search.cancel()
        started = time.monotonic()
        api.runs.SearchRuns(SearchRunsRequest(max_results=1), timeout=60)
        assert time.monotonic() - started < 20
    seen.assert_others_were_served()


def test_a_server_with_slow_searches_stops_in_its_time(server: ServerProcess, api: Api) -> None:
    searches = slow_searches(api, 8)
    time.sleep(0.5)
    assert not any(search.done() for search in searches)
    server.stop()


def test_a_connection_that_says_nothing_is_closed(server: ServerProcess) -> None:
    host, _, port = server.address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=60) as silent:
        while silent.recv(4096):
            pass  # what gRPC says first


def test_a_server_takes_as_many_descriptors_as_it_may(server: ServerProcess) -> None:
    soft, hard = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
    assert soft == hard


def test_a_call_without_its_message_ends_and_holds_up_no_other(
    server: ServerProcess, api: Api
) -> None:
    """Callers whose message does not come, and who then leave."""
    over = threading.Event()

    def nothing() -> Iterator[bytes]:
        over.wait(60)
        yield from ()

    with grpc.insecure_channel(server.address) as channel:
        method: Any = channel.stream_unary("/runstream.v1.RunService/CreateRun")
        calls = [method.future(nothing(), timeout=60) for _ in range(60)]
        api.create_run()
        # 32 may be slow, whichever come first; the others end when they are found to be slow.
        wait_until(lambda: sum(call.done() for call in calls) >= 20, seconds=60)
        codes = {call.code() for call in calls if call.done()}
        assert codes == {grpc.StatusCode.UNAVAILABLE}
        for call in calls:
            call.cancel()
    over.set()
    api.create_run()
    assert server.stop() == ""


def wait_for_message(over: threading.Event, first: bytes = b"") -> Iterator[bytes]:
    """What somebody sends who holds a call open."""
    if first:
        yield first
    over.wait(60)


def test_strangers_who_hold_streams_of_health_and_reflection_leave_calls_to_others(
    server: ServerProcess, api: Api
) -> None:
    over = threading.Event()
    with grpc.insecure_channel(server.address) as channel:
        health: Any = channel.unary_stream(WATCH)
        reflection: Any = channel.stream_stream(REFLECTION)
        held = [health(b"", timeout=60) for _ in range(STREAMS - 20)]
        held += [reflection(wait_for_message(over, LIST_SERVICES), timeout=60) for _ in range(20)]
        for stream in held:
            assert next(stream)
        for more in (
            health(b"", timeout=60),
            reflection(wait_for_message(over, LIST_SERVICES), timeout=60),
        ):
            with expect_refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "PUBLIC_STREAMS_TOO_MANY"):
                next(more)
        check: Any = channel.unary_unary(CHECK)
        assert check(b"", timeout=60)
        api.create_run()
        held.pop(0).cancel()
        wait_until(lambda: is_answered(health), seconds=60)
        for stream in held:
            stream.cancel()
        over.set()
    assert server.stop() == ""


def is_answered(method: Any) -> bool:
    """Whether a stream that is opened now gets an answer."""
    stream = method(b"", timeout=60)
    try:
        return bool(next(stream))
    except grpc.RpcError:
        return False
    finally:
        stream.cancel()


def test_a_probe_is_answered_while_strangers_hold_checks_of_health(server: ServerProcess) -> None:
    over = threading.Event()
    with grpc.insecure_channel(server.address) as channel:
        unfinished: Any = channel.stream_unary(CHECK)
        held = [unfinished.future(wait_for_message(over), timeout=60) for _ in range(150)]
        wait_until(lambda: sum(call.done() for call in held) >= 150 - SLOW_AT_ONCE, seconds=30)
        assert {call.code() for call in held if call.done()} == {grpc.StatusCode.UNAVAILABLE}
        check: Any = channel.unary_unary(CHECK)
        assert check(b"", timeout=5)
        for call in held:
            call.cancel()
        over.set()
    assert server.stop() == ""


def frame(kind: int, flags: int, stream: int, body: bytes) -> bytes:
    """A frame of HTTP/2."""
    head = len(body).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big")
    return head + body


def test_a_probe_is_answered_while_a_stranger_takes_no_answers_of_checks(
    server: ServerProcess,
) -> None:
    host, _, port = server.address.rpartition(":")
    fields = [(":method", "POST"), (":scheme", "http"), (":path", CHECK), (":authority", "x")]
    fields += [("content-type", "application/grpc"), ("te", "trailers")]
    head = b"".join(
        b"\0%c%b%c%b" % (len(name), name.encode(), len(value), value.encode())
        for name, value in fields
    )
    with (
        socket.create_connection((host, int(port)), timeout=60) as connection,
        grpc.insecure_channel(server.address) as channel,
    ):
        no_window = struct.pack(">HI", 4, 0)  # an answer may have no bytes
        connection.sendall(PREFACE + frame(4, 0, 0, no_window) + frame(4, 1, 0, b""))
        for i in range(CHECKS + 100):
            stream = 2 * i + 1
            connection.sendall(frame(1, 4, stream, head) + frame(0, 1, stream, bytes(5)))
        check: Any = channel.unary_unary(CHECK)
        for _ in range(20):
            assert check(b"", timeout=60)
            time.sleep(0.1)


@pytest.mark.parametrize("message", [b"\xff\xff", b"\x0a\x02\xff\xfe"])
def test_malformed_messages_to_health_and_reflection_are_refused_and_not_logged(
    server: ServerProcess, message: bytes
) -> None:
    with grpc.insecure_channel(server.address) as channel:
        check: Any = channel.unary_unary(CHECK)
        watch: Any = channel.unary_stream(WATCH)
        reflection: Any = channel.stream_stream(REFLECTION)
        with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, "MESSAGE_MALFORMED"):
            check(message, timeout=60)
        for stream in (watch(message, timeout=60), reflection(iter([message]), timeout=60)):
            with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, "MESSAGE_MALFORMED"):
                next(stream)
        large = b"\x0a" + b"\xff\xff\x3f" + b"a" * (2**20 - 1)  # a name of 1 MiB
        with expect_refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "REQUEST_TOO_LARGE"):
            next(reflection(iter([large]), timeout=60))
    assert server.stop() == ""


def test_a_connection_is_told_how_many_calls_it_may_have_open(server: ServerProcess) -> None:
    host, _, port = server.address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(PREFACE + frame(4, 0, 0, b""))
        with connection.makefile("rb") as received:
            head = received.read(9)
            settings = received.read(int.from_bytes(head[:3], "big"))
    assert head[3] == 4  # SETTINGS
    assert dict(struct.iter_unpack(">HI", settings))[3] == CONNECTION_CALLS
