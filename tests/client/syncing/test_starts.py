"""Starts of runs that lie in another folder than what was logged to them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from runstream import NotFound, TrackingClient
from runstream.spool.cursor import Cursor
from runstream.spool.log_files import Place, file_path
from runstream.syncing.sync import sync
from support.spools import (
    append_upload,
    left_folder,
    points_batch,
    start_batch,
    steps,
)


def test_a_start_in_a_folder_that_is_delivered_later_is_sent_first(
    client: TrackingClient, spool: Path
) -> None:
    """Another process logs to the run, and its folder was made before."""
    run_ids = [f"{number:032x}" for number in range(0xA0, 0xA3)]
    batches = [points_batch(run_id, [step]) for step in range(5) for run_id in run_ids]
    child = left_folder(spool, client.tracking_uri, batches)
    append_upload(child, "b" * 32, "a.txt", b"a")
    time.sleep(0.01)
    starts = [start_batch(run_id) for run_id in (*run_ids, "b" * 32)]
    left_folder(spool, client.tracking_uri, starts)
    result = sync(spool)
    assert (result.refused, result.files) == (0, 1)
    assert all(steps(client, run_id) == list(range(5)) for run_id in run_ids)
    assert list(spool.iterdir()) == []


@pytest.mark.parametrize("is_answered", [False, True])
def test_a_start_for_another_server_or_that_was_answered_starts_no_run(
    client: TrackingClient, spool: Path, is_answered: bool
) -> None:
    """A run that was removed meanwhile does not come back by what logs to it."""
    run_id = "a1" * 16
    child = left_folder(spool, client.tracking_uri, [points_batch(run_id, [0])])
    time.sleep(0.01)
    uri = client.tracking_uri if is_answered else "grpc://127.0.0.1:9"
    other = left_folder(spool, uri, [start_batch(run_id)])
    if is_answered:
        cursor = Cursor(other.batches)
        cursor.move(Place(1, file_path(other.batches, 1).stat().st_size))
        cursor.close()
    result = sync(child.path)
    assert result.refused == 1
    with pytest.raises(NotFound):
        client.get_run(run_id)
