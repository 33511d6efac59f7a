"""What a server refused of a folder is sent once more when somebody names the folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runstream import TrackingClient
from runstream.spool.folder import SpoolFolder
from runstream.spool.refused_log import append_refusal, read_refusals
from runstream.syncing.folder_delivery import FolderDelivery
from runstream.syncing.results import FolderResult
from runstream.syncing.sync import SpoolDelivery, sync
from runstream.v1.logging_service_pb2 import BatchError
from support.spools import left_folder, new_folder, points_batch, steps

ERROR = BatchError(reason="RUN_NOT_FOUND", message="it was not there")


def refuse(folder: SpoolFolder, run_id: str, wanted: int) -> None:
    """Let a folder say that one point of a run was refused."""
    append_refusal(folder.refused, ERROR, points_batch(run_id, [wanted]))


def test_what_was_refused_is_sent_behind_what_waits_by_a_sync_that_names_the_folder_alone(
    client: TrackingClient, tmp_path: Path
) -> None:
    run_id = client.create_run().info.run_id
    folder = left_folder(tmp_path, client.tracking_uri, [points_batch(run_id, [1])])
    refuse(folder, run_id, 2)
    assert sync(tmp_path).batches == 1
    assert steps(client, run_id) == [1]
    assert folder.refused.exists()

    (result,) = sync(folder.path).folders
    assert (result.batches, result.refused_before, result.is_removed) == (1, 0, True)
    assert steps(client, run_id) == [1, 2]


def test_what_cannot_be_read_of_it_is_kept_and_the_rest_is_sent(
    client: TrackingClient, tmp_path: Path
) -> None:
    run_id = client.create_run().info.run_id
    folder = left_folder(tmp_path, client.tracking_uri)
    refuse(folder, run_id, 1)
    with folder.refused.open("ab") as file:
        file.write(b"no frame")
    refuse(folder, run_id, 2)
    content = folder.refused.read_bytes()

    sync(folder.path)
    assert steps(client, run_id) == [1, 2]
    (kept,) = folder.damaged.iterdir()
    assert kept.read_bytes() == content


def test_what_was_refused_of_a_program_that_runs_stays_where_it_is(
    client: TrackingClient, tmp_path: Path
) -> None:
    run_id = client.create_run().info.run_id
    folder = new_folder(tmp_path, client.tracking_uri)
    refuse(folder, run_id, 1)
    content = folder.refused.read_bytes()
    list(SpoolDelivery(folder.path, None).deliver())
    assert folder.refused.read_bytes() == content
    folder.close()
    assert sync(folder.path).batches == 1


def test_a_thread_of_a_sync_that_was_interrupted_writes_nothing_to_a_folder_of_others(
    tmp_path: Path,
) -> None:
    class NoServer:
        connection: Any = None

    folder = left_folder(tmp_path, "grpc://away")
    server: Any = NoServer()
    delivery = FolderDelivery(folder, server, FolderResult(str(folder.path), "grpc://away"))
    delivery.lock()
    delivery._set_aside.refuse(ERROR, b"first")
    delivery.lease.release()
    delivery._set_aside.refuse(ERROR, b"second")
    assert [each.batch for each in read_refusals(folder.refused)] == [b"first"]
