"""A server that ends streams well before it has answered all."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from runstream import Unavailable
from runstream.spool.cursor import read_cursor
from runstream.spool.log_files import Place
from runstream.syncing import batch_delivery
from runstream.syncing.sync import SpoolDelivery, sync
from runstream.v1.logging_service_pb2 import LogBatchRequest, LogBatchResponse
from runstream.v1.logging_service_pb2_grpc import (
    LoggingServiceServicer,
    add_LoggingServiceServicer_to_server,
)
from support.spools import (
    append_upload,
    left_folder,
    points_batch,
)


class EndingServer(LoggingServiceServicer):
    """Ends each stream well, after it has answered some batches."""

    def __init__(self, answers: int) -> None:
        self.answers = answers

    def LogBatch(  # noqa: N802, its name in the contract
        self, requests: Iterator[LogBatchRequest], _: object
    ) -> Iterator[LogBatchResponse]:
        for number in range(1, self.answers + 1):
            next(requests)
            yield LogBatchResponse(answered=number)


@pytest.fixture
def ending_server(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URI of such a server; the parameter says how many batches of a stream it answers."""
    server = grpc.server(ThreadPoolExecutor())
    add_LoggingServiceServicer_to_server(EndingServer(request.param), server)  # type: ignore[abstract]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"grpc://127.0.0.1:{port}"
    server.stop(0).wait()


@pytest.mark.parametrize("ending_server", [0], indirect=True)
def test_a_stream_that_ends_well_and_answers_nothing_has_delivered_nothing(
    ending_server: str, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_delivery, "AWAY_SECONDS", 0.5)
    batches = [points_batch("a" * 32, [step]) for step in range(5)]
    folder = left_folder(spool, ending_server, batches)
    append_upload(folder, "a" * 32, "a.txt", b"a")
    with pytest.raises(Unavailable, match="ended the stream before all was answered"):
        sync(spool)
    (result,) = SpoolDelivery(spool, None).deliver()
    assert result.bytes_left == sum(len(batch) + 12 for batch in batches)
    assert (result.batches, result.files_left, result.refused) == (0, 1, 0)
    assert read_cursor(folder.batches) == read_cursor(folder.tasks) == Place(1, 0)


@pytest.mark.parametrize("ending_server", [2], indirect=True)
def test_a_stream_that_ends_well_is_opened_again_for_the_rest(
    ending_server: str, spool: Path
) -> None:
    left_folder(spool, ending_server, [points_batch("a" * 32, [step]) for step in range(6)])
    assert sync(spool).batches == 6
    assert list(spool.iterdir()) == []


@pytest.mark.parametrize("ending_server", [0], indirect=True)
def test_what_is_left_of_a_process_that_lives_is_said(
    ending_server: str, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runstream.syncing.folder_lease.may_be_live", lambda _: True)
    monkeypatch.setattr(batch_delivery, "AWAY_SECONDS", 0.2)
    left_folder(spool, ending_server, [points_batch("a" * 32, [1])])
    (result,) = SpoolDelivery(spool, None).deliver()
    assert result.bytes_left
    assert not result.is_complete


@pytest.mark.parametrize("ending_server", [0], indirect=True)
def test_a_sync_that_waits_for_a_server_that_takes_nothing_says_so_once(
    ending_server: str,
    spool: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(batch_delivery, "_SILENT_SECONDS", 0.2)
    monkeypatch.setattr(batch_delivery, "AWAY_SECONDS", 2.0)
    left_folder(spool, ending_server, [points_batch("a" * 32, [1])])
    with pytest.raises(Unavailable):
        sync(spool)
    (warning,) = [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]
    assert warning.startswith(f"{ending_server} takes nothing (")
    assert warning.endswith("; it is tried for 2 s")
