"""`TrackingClient.close` while the server is away."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import pytest

from runstream import DeadlineExceeded, TrackingClient
from runstream.spool.folder import list_folders
from support.ports import reserve_port

RUN = "a" * 32


@pytest.fixture(autouse=True)
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The spool of the test."""
    monkeypatch.setenv("RUNSTREAM_SPOOL", str(tmp_path))
    monkeypatch.setenv("RUNSTREAM_EXIT_SECONDS", "1")
    return tmp_path


def test_leaving_the_block_of_a_client_whose_server_is_away_is_quick_and_warns_once(
    spool: Path, caplog: pytest.LogCaptureFixture
) -> None:
    begin = time.monotonic()
    with (
        caplog.at_level(logging.WARNING, "runstream"),
        TrackingClient(f"grpc://127.0.0.1:{reserve_port()}") as client,
    ):
        client.log_metric(RUN, "loss", 1.0)
    assert time.monotonic() - begin < 30
    (folder,) = list_folders(spool)
    warnings = [text for text in caplog.messages if str(folder) in text]
    assert len(warnings) == 1
    assert warnings[0].startswith(f"not all is delivered to {client.tracking_uri} (")


def test_closing_a_client_raises_what_is_in_memory_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNSTREAM_SPOOL_LIMIT", "0")
    client = TrackingClient(f"grpc://127.0.0.1:{reserve_port()}")
    client.log_metric(RUN, "loss", 1.0)
    begin = time.monotonic()
    with pytest.raises(DeadlineExceeded, match="for 1 point;"):
        client.close()
    assert time.monotonic() - begin < 30
