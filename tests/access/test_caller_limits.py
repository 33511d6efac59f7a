"""What one caller may ask of a server, and how clients wait for more."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from threading import Timer
from typing import Any

import grpc
import pytest
import requests
from google.rpc.error_details_pb2 import RetryInfo
from grpc_status import rpc_status

from runstream import TrackingClient
from runstream.errors import ResourceExhausted
from runstream.v1.access_service_pb2 import GetCallerRequest
from runstream.v1.run_service_pb2 import CreateRunRequest
from runstream.v1.watch_service_pb2 import WatchRequest
from runstream_service.access.caller import ANYONE, Caller, ServerRole
from runstream_service.access.limits import KNOWN_CALLERS, CallerLimits
from runstream_service.config import Limits
from support.access import bearer, connect_with_token, create_tokens
from support.api import Api, expect_refusal
from support.server_process import ServerProcess

pytestmark = pytest.mark.sqlite
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED


@contextmanager
def limited(path: Path, **limits: str) -> Iterator[tuple[ServerProcess, dict[str, str]]]:
    server = ServerProcess(path / "runs.db", {"RUNSTREAM_HTTP_PORT": "0", **limits})
    try:
        yield server, create_tokens(server.address)
    finally:
        server.stop()


def create_run(api: Api) -> str:
    experiment = api.create_experiment("ours")
    return api.runs.CreateRun(CreateRunRequest(experiment_id=experiment)).run.info.run_id


def watch(api: Api, run: str) -> Any:
    """Return the answers of a watch, once it is open."""
    answers = api.watches.Watch(WatchRequest(run_ids=[run]))
    next(answers)
    return answers


@pytest.fixture(scope="module")
def few_requests(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[ServerProcess, dict[str, str]]]:
    """A server with five requests in a second for each caller."""
    with limited(
        tmp_path_factory.mktemp("limited"), RUNSTREAM_REQUESTS_PER_CALLER="5"
    ) as server_and_tokens:
        yield server_and_tokens


def call_until_refused(api: Api) -> grpc.RpcError:
    for _ in range(50):
        try:
            api.access.GetCaller(GetCallerRequest())
        except grpc.RpcError as error:
            return error
    raise AssertionError("no call was refused")


def test_a_caller_over_the_rate_is_told_when_to_try_again(few_requests: Any) -> None:
    server, tokens = few_requests
    with connect_with_token(server.address, tokens["ada"]) as ada:
        error = call_until_refused(ada)
        assert error.code() is EXHAUSTED
        status: Any = rpc_status.from_call(error)  # type: ignore[arg-type]
        retry = RetryInfo()
        assert any(detail.Unpack(retry) for detail in status.details)
        delay = retry.retry_delay.ToMicroseconds() / 1e6
        assert 0 < delay <= 0.2
        time.sleep(delay + 0.02)
        ada.access.GetCaller(GetCallerRequest())
    with connect_with_token(server.address, tokens["bob"]) as bob:
        bob.access.GetCaller(GetCallerRequest())  # others have their own share


def test_over_http_it_is_429_with_the_seconds_to_wait(few_requests: Any) -> None:
    server, tokens = few_requests
    url = f"{server.http}/api/1.0/runstream/access/caller"
    answers = [requests.get(url, headers=bearer(tokens["eve"]), timeout=30) for _ in range(20)]
    refused = [answer for answer in answers if answer.status_code != 200]
    assert refused
    assert {answer.status_code for answer in refused} == {429}
    assert {answer.headers["Retry-After"] for answer in refused} == {"1"}
    assert refused[0].json()["error_code"] == "RESOURCE_EXHAUSTED"


def test_the_client_waits_and_goes_on(few_requests: Any) -> None:
    server, tokens = few_requests
    with TrackingClient(f"grpc://{server.address}", token=tokens["ada"]) as client:
        began = time.monotonic()
        for _ in range(12):
            list(client.search_experiments(max_results=1))
        assert time.monotonic() - began > 0.8


def test_a_caller_has_so_many_streams_open_at_once(tmp_path: Path) -> None:
    with ExitStack() as opened:
        server, tokens = opened.enter_context(limited(tmp_path, RUNSTREAM_CALLS_PER_CALLER="3"))
        ada = opened.enter_context(connect_with_token(server.address, tokens["ada"]))
        run = create_run(ada)
        watches = [watch(ada, run) for _ in range(3)]
        with expect_refusal(EXHAUSTED, "CALLER_LIMIT") as refusal:
            watch(ada, run)
        assert refusal.metadata["field"] == "streams at once"
        ada.access.GetCaller(GetCallerRequest())  # calls are counted apart
        root = opened.enter_context(connect_with_token(server.address, tokens["root"]))
        watch(root, run)  # others have their own share
        watches.pop().cancel()
        deadline = time.monotonic() + 20
        while True:
            try:
                watch(ada, run)
                break
            except grpc.RpcError:
                assert time.monotonic() < deadline
                time.sleep(0.05)


def test_a_caller_has_so_many_calls_open_at_once() -> None:
    limits = CallerLimits(Limits(0, 2, 0, 0))
    ada = Caller("ada", ServerRole.WRITER)
    with limits.admit_stream(ada), limits.admit_stream(ada), limits.admit(ada):
        with limits.admit(ada):
            with pytest.raises(ResourceExhausted, match="2 calls at once"):
                limits.admit(ada)
            with (
                pytest.raises(ResourceExhausted, match="2 streams at once"),
                limits.admit_stream(ada),
            ):
                pass
        limits.admit(ada)


def test_a_caller_has_so_many_watches_open_at_once(tmp_path: Path) -> None:
    with ExitStack() as opened:
        server, tokens = opened.enter_context(limited(tmp_path, RUNSTREAM_WATCHES_PER_CALLER="2"))
        ada = opened.enter_context(connect_with_token(server.address, tokens["ada"]))
        run = create_run(ada)
        watches = [watch(ada, run) for _ in range(2)]
        with expect_refusal(EXHAUSTED, "CALLER_LIMIT") as refusal:
            watch(ada, run)
        assert (refusal.metadata["field"], refusal.metadata["limit"]) == ("watches at once", "2")
        ada.access.GetCaller(GetCallerRequest())  # other calls are let in
        stream = f"{server.http}/api/1.0/runstream/watch/stream?run_ids={run}"
        refused = requests.get(stream, headers=bearer(tokens["ada"]), timeout=30)
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
        root = opened.enter_context(connect_with_token(server.address, tokens["root"]))
        watch(root, run)  # others have their own share
        watches.pop().cancel()
        with TrackingClient(f"grpc://{server.address}", token=tokens["ada"]) as client:
            client.watch([run]).close()


def test_a_client_waits_until_its_watch_is_let_in(tmp_path: Path) -> None:
    with ExitStack() as opened:
        server, tokens = opened.enter_context(limited(tmp_path, RUNSTREAM_WATCHES_PER_CALLER="1"))
        ada = opened.enter_context(connect_with_token(server.address, tokens["ada"]))
        run = create_run(ada)
        client = opened.enter_context(
            TrackingClient(f"grpc://{server.address}", token=tokens["ada"])
        )
        Timer(0.5, watch(ada, run).cancel).start()
        with closing(client.watch([run])) as changes:
            client.set_tag(run, "k", "v")
            assert next(changes).tags == {"k": "v"}


def test_events_over_http_count_as_watches_until_they_are_closed(tmp_path: Path) -> None:
    with ExitStack() as opened:
        server, tokens = opened.enter_context(limited(tmp_path, RUNSTREAM_WATCHES_PER_CALLER="1"))
        ada = opened.enter_context(connect_with_token(server.address, tokens["ada"]))
        run = create_run(ada)
        stream = f"{server.http}/api/1.0/runstream/watch/stream?run_ids={run}"
        with requests.get(stream, headers=bearer(tokens["ada"]), stream=True, timeout=30) as events:
            assert events.status_code == 200
            with expect_refusal(EXHAUSTED, "CALLER_LIMIT"):
                watch(ada, run)
        with TrackingClient(f"grpc://{server.address}", token=tokens["ada"]) as client:
            client.watch([run]).close()


def test_who_sends_too_fast_is_slowed_down_and_loses_nothing(tmp_path: Path) -> None:
    with limited(tmp_path, RUNSTREAM_MIB_PER_CALLER="1") as (server, tokens):
        file = tmp_path / "big.bin"
        file.write_bytes(bytes(4 * 1024 * 1024))
        with TrackingClient(f"grpc://{server.address}", token=tokens["ada"]) as client:
            run = client.create_run(client.create_experiment("ours")).info.run_id
            began = time.monotonic()
            client.log_artifact(run, str(file))
            assert time.monotonic() - began > 2
            (stored,) = client.list_artifacts(run)
            assert stored.file_size == file.stat().st_size


def test_a_server_that_knows_nobody_limits_nobody() -> None:
    limits = CallerLimits(Limits(1, 1, 1))
    for _ in range(100):
        with limits.admit(ANYONE) as use:
            use.add_bytes(1_000)
            assert use.pause() == 0


def test_a_limit_of_zero_is_none() -> None:
    limits = CallerLimits(Limits(0, 0, 0, 0))
    with ExitStack() as opened:
        for _ in range(1_000):
            use = opened.enter_context(limits.admit(Caller("ada", ServerRole.WRITER)))
            use.add_bytes(1 << 40)
            opened.enter_context(use.watching())
            assert use.pause() == 0


def test_callers_who_do_nothing_are_forgotten() -> None:
    limits = CallerLimits(Limits(1_000_000, 1, 0))
    busy = Caller("busy", ServerRole.WRITER)
    with limits.admit(busy):
        for number in range(3 * KNOWN_CALLERS):
            limits.admit(Caller(f"user{number}", ServerRole.READER))
        assert len(limits._known) <= KNOWN_CALLERS
        with pytest.raises(ResourceExhausted, match="1 calls at once"):
            limits.admit(busy)


def test_an_outbox_keeps_what_it_has_until_its_stream_is_let_in(tmp_path: Path) -> None:
    with ExitStack() as opened:
        server, tokens = opened.enter_context(limited(tmp_path, RUNSTREAM_CALLS_PER_CALLER="2"))
        ada = opened.enter_context(connect_with_token(server.address, tokens["ada"]))
        uri = f"grpc://{server.address}"
        client = opened.enter_context(TrackingClient(uri, token=tokens["ada"]))
        run = client.create_run(client.create_experiment("ours")).info.run_id
        watches = [watch(ada, run) for _ in range(2)]
        client.log_metric(run, "loss", 0.5)
        time.sleep(1.5)  # its stream is refused meanwhile
        for one in watches:
            one.cancel()
        client.flush()
        assert [point.value for point in client.get_metric_history(run, "loss")] == [0.5]
