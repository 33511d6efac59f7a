"""The first call to a file whose server cannot start, and calls when that is so later."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

import runstream
from runstream import TrackingClient
from runstream.errors import Unavailable
from support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("tracking")


def test_a_file_whose_server_cannot_start_is_an_error_of_the_first_call(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    no_database = tmp_path / "notes.txt"
    no_database.write_bytes(b"this is no database, " * 1000)
    for path, why in (
        (tmp_path / "missing" / "runs.db", "does not exist"),
        (no_database, "not a database"),
    ):
        runstream.set_tracking_uri(f"sqlite:///{path}")
        for call in (lambda: runstream.set_experiment("any"), runstream.start_run):
            with pytest.raises(Unavailable, match=why) as error:
                call()
            assert error.value.reason == "SERVER_NOT_STARTED"
        with pytest.raises(Unavailable):
            runstream.flush()
    warnings = [record.getMessage() for record in caplog.records]
    assert len(warnings) == 2
    assert all("not sent before that is mended" in text for text in warnings)


def test_a_file_whose_server_was_there_counts_as_away_when_it_cannot_start(tmp_path: Path) -> None:
    database, aside = tmp_path / "runs.db", tmp_path / "aside.db"
    runstream.set_tracking_uri(f"sqlite:///{database}")
    with runstream.start_run() as run:
        runstream.flush()
        os.kill(server := _server_of(database), signal.SIGTERM)
        wait_until(lambda: not _serves(server, database), 30)
        database.rename(aside)
        database.write_bytes(b"this is no database, " * 1000)
        runstream.log_metric("loss", 0.5)
        wait_until(lambda: TrackingClient().is_away, 30)
        with runstream.start_run(nested=True) as nested:
            runstream.log_text("kept", "note.txt")
        aside.rename(database)
        runstream.flush()
    assert runstream.get_run(nested.info.run_id).info.status == "FINISHED"
    assert runstream.get_run(run.info.run_id).data.metrics == {"loss": 0.5}


def _serves(process_id: int, database: Path) -> bool:
    try:
        words = Path(f"/proc/{process_id}/cmdline").read_bytes().split(b"\0")
    except OSError:  # it has ended
        return False
    return b"runstream" in words and f"sqlite:///{database}".encode() in words


def _server_of(database: Path) -> int:
    names = [entry.name for entry in Path("/proc").iterdir()]
    [server] = [int(name) for name in names if name.isdigit() and _serves(int(name), database)]
    return server
