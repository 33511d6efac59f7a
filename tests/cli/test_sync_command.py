"""`runstream sync` over real folders and a real server."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

import runstream
from runstream import TrackingClient
from runstream.spool.folder import SpoolFolder
from runstream.syncing import batch_delivery
from support.ports import reserve_port
from support.server_process import ENVIRONMENT
from support.shell import COMMAND, Shell
from support.spools import append_batches, left_folder, new_folder, points_batch


def test_what_was_delivered_is_printed(
    shell: Shell, client: TrackingClient, left: SpoolFolder, spool: Path
) -> None:
    said = shell.output("sync", RUNSTREAM_SPOOL=str(spool))
    to = client.tracking_uri
    assert said == f"{left.path.name}: 2 batches, 3 points, 1 file to {to}\n"
    assert not left.path.exists()
    done = shell.run("sync", str(spool))
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == "There is nothing to deliver.\n"


def test_what_was_delivered_is_printed_as_json(
    shell: Shell, left: SpoolFolder, client: TrackingClient, spool: Path
) -> None:
    (said,) = shell.json("sync", str(left.path))
    assert (said["batches"], said["points"], said["files"]) == (2, 3, 1)
    assert (said["tracking_uri"], said["is_removed"]) == (client.tracking_uri, True)
    assert shell.json("sync", str(spool)) == []


def test_a_folder_is_delivered_by_the_name_that_is_listed(
    shell: Shell, left: SpoolFolder, spool: Path
) -> None:
    others = left_folder(spool, "", [points_batch("f" * 32, [1])])
    said = shell.output("sync", left.path.name, RUNSTREAM_SPOOL=str(spool))
    assert said.startswith(f"{left.path.name}: 2 batches")
    assert others.path.exists()
    assert "there is no folder" in shell.refusal(3, "sync", left.path.name)


def test_the_folder_of_an_offline_tracking_uri_is_the_spool_when_none_is_named(
    shell: Shell, client: TrackingClient, left: SpoolFolder, spool: Path, tmp_path: Path
) -> None:
    variables = {
        "RUNSTREAM_TRACKING_URI": f"offline:{spool}",
        "RUNSTREAM_SPOOL": str(tmp_path / "other"),
    }
    name = left.path.name
    assert [row[0] for row in shell.rows("spool", "list", **variables)[1:]] == [name]
    assert "train.py on" in shell.output("spool", "show", name, **variables)
    told = shell.output("sync", **variables)
    assert told == f"{name}: 2 batches, 3 points, 1 file to {client.tracking_uri}\n"
    left_again = left_folder(spool, client.tracking_uri, [])
    removed = shell.output("spool", "discard", left_again.path.name, "--yes", **variables)
    assert removed == f"Removed {left_again}.\n"


def test_a_folder_that_names_no_server_is_for_that_of_the_environment(
    shell: Shell, client: TrackingClient, run_id: str, spool: Path
) -> None:
    folder = left_folder(spool, "", [points_batch(run_id, [1])])
    done = shell.run("sync", str(spool), RUNSTREAM_TRACKING_URI="")
    assert done.exit_code == 2
    assert done.stdout.startswith(f"{folder.path.name}: ")
    assert "not delivered: it names no server: say one by --to URI" in done.stdout
    assert "set RUNSTREAM_TRACKING_URI" in done.stdout
    assert done.stderr == "Error: 1 folder is not delivered, see above\n"
    assert client.tracking_uri in shell.output("sync", str(spool))


def test_a_folder_without_a_server_in_which_nothing_is_hinders_nothing(
    shell: Shell, left: SpoolFolder, spool: Path
) -> None:
    alive = new_folder(spool, "")
    shell.output("sync", str(spool), RUNSTREAM_TRACKING_URI="")
    assert not left.path.exists()
    alive.close()


def test_each_server_is_tried_once_and_each_folder_has_its_line(
    shell: Shell, left: SpoolFolder, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runstream.syncing.sync.CONNECT_SECONDS", 0.5)
    uris = [f"grpc://127.0.0.1:{reserve_port()}" for _ in range(2)]
    batches = [points_batch("f" * 32, [1])]
    folders = [(left_folder(spool, uri, batches), uri) for uri in uris for _ in range(5)]
    nameless = left_folder(spool, "", batches)
    began = time.monotonic()
    done = shell.run("sync", str(spool), RUNSTREAM_TRACKING_URI="")
    assert time.monotonic() - began < batch_delivery.AWAY_SECONDS
    assert done.exit_code == 4
    lines = dict(line.split(": ", 1) for line in done.stdout.splitlines())
    assert len(lines) == 12
    assert "2 batches, 3 points, 1 file to" in lines[left.path.name]
    for folder, uri in folders:
        assert f"not delivered to {uri}: connection refused" in lines[folder.path.name]
    assert "it names no server" in lines[nameless.path.name]
    assert done.stderr == "Error: 11 folders are not delivered, see above\n"
    (array,) = [json.loads(shell.run("sync", str(spool), "--json").stdout)]
    assert len(array) == 11


def test_what_was_refused_before_is_said_again_with_status_1(
    shell: Shell, client: TrackingClient, spool: Path
) -> None:
    folder = left_folder(spool, client.tracking_uri, [points_batch("f" * 32, [1])])
    assert shell.run("sync", RUNSTREAM_SPOOL=str(spool)).exit_code == 1
    done = shell.run("sync", RUNSTREAM_SPOOL=str(spool))
    assert (done.exit_code, done.stdout) == (
        1,
        f"{folder.path.name}: stays with 1 refused before, "
        f"see `runstream spool show {folder.path.name}`\n",
    )
    assert done.stderr == "1 folder stays with what a server refused, or is damaged.\n"
    (result,) = runstream.sync(spool).folders
    assert (result.refused, result.refused_before, result.is_complete) == (0, 1, False)


def test_a_refusal_is_status_1_and_shown_with_its_reason(
    shell: Shell, client: TrackingClient, spool: Path
) -> None:
    folder = left_folder(spool, client.tracking_uri, [points_batch("f" * 32, [1])] * 2)
    done = shell.run("sync", str(spool))
    assert done.exit_code == 1
    assert f"2 refused, see `runstream spool show {folder}`" in done.stdout
    said = shell.output("spool", "show", str(folder.path))
    assert "NOT_FOUND" in said
    assert said.splitlines()[-1].split()[:4] == ["2", "f" * 32, "1", "point"]
    assert "f" * 32 in said
    assert shell.rows("spool", "list", str(spool))[1][-1] == "2"


def test_another_server_is_named_by_an_option(
    shell: Shell, client: TrackingClient, run_id: str, spool: Path
) -> None:
    nowhere = f"grpc://127.0.0.1:{reserve_port()}"
    left_folder(spool, nowhere, [points_batch(run_id, [1])])
    assert client.tracking_uri in shell.output("sync", str(spool), "--to", client.tracking_uri)


def test_a_server_that_is_away_is_status_4_and_said_once_with_what_is_left(
    shell: Shell, run_id: str, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runstream.syncing.sync.CONNECT_SECONDS", 0.1)
    uri = f"grpc://127.0.0.1:{reserve_port()}"
    folder = left_folder(spool, uri, [points_batch(run_id, [1])])
    done = shell.run("sync", str(spool))
    assert done.exit_code == 4
    assert done.stdout.startswith(f"{folder.path.name}: 87 B not delivered to {uri}: ")
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == "Error: 1 folder is not delivered, see above\n"


def test_a_spool_that_is_not_there_is_status_3(shell: Shell, tmp_path: Path) -> None:
    assert "there is no folder" in shell.refusal(3, "sync", str(tmp_path / "none"))
    assert shell.rows("spool", "list", RUNSTREAM_SPOOL=str(tmp_path / "none"))[1:] == []


def test_watching_goes_on_with_what_comes(client: TrackingClient, run_id: str, spool: Path) -> None:
    folder = new_folder(spool, client.tracking_uri, [points_batch(run_id, [0])], delivers=False)
    watching = subprocess.Popen(
        [*COMMAND, "sync", str(folder.path), "--watch"],
        stdout=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )
    assert watching.stdout is not None
    for step in range(1, 3):
        assert "1 batch, 1 point" in watching.stdout.readline()
        append_batches(folder, [points_batch(run_id, [step])])
    assert "its program may still run" in watching.stdout.readline()
    folder.close()
    assert watching.wait(30) == 0
    watching.stdout.close()
    assert not folder.path.exists()
    assert [point.step for point in client.get_metric_history(run_id, "loss")] == [0, 1, 2]


def test_watching_ends_with_an_interrupt(client: TrackingClient, run_id: str, spool: Path) -> None:
    left_folder(spool, client.tracking_uri, [points_batch(run_id, [0])])
    watching = subprocess.Popen(
        [*COMMAND, "sync", str(spool), "--watch"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=ENVIRONMENT,
    )
    assert watching.stdout is not None
    assert "1 batch" in watching.stdout.readline()
    watching.send_signal(signal.SIGINT)
    assert watching.wait(30) == 130
    watching.stdout.close()


def test_a_folder_that_fails_is_named_and_the_rest_is_delivered(
    shell: Shell, client: TrackingClient, run_id: str, spool: Path, left: SpoolFolder
) -> None:
    bad = left_folder(spool, client.tracking_uri, [points_batch(run_id, [1])])
    bad.refused.mkdir()
    done = shell.run("sync", str(spool))
    assert done.exit_code != 0
    assert f"{left.path.name}: 2 batches" in done.stdout
    assert f"{bad.path.name}: 0 B not delivered: " in done.stdout
    assert "refused.log" in done.stdout
