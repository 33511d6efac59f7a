"""`runstream spool` over real folders."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from runstream import TrackingClient
from runstream.spool.folder import SpoolFolder
from support.shell import Shell
from support.spools import left_folder, new_folder, points_batch


def test_the_folders_of_a_spool_are_listed(
    shell: Shell, client: TrackingClient, left: SpoolFolder, spool: Path
) -> None:
    empty = new_folder(spool, "", [])
    alive = new_folder(spool, "", [points_batch("f" * 32, [1])])
    copied = left_folder(spool, "", [points_batch("f" * 32, [1])])
    info = copied.path / "spool.json"
    info.write_text(info.read_text().replace(socket.gethostname(), "node17"))
    rows = {row[0]: row[1:] for row in shell.rows("spool", "list", RUNSTREAM_SPOOL=str(spool))[1:]}
    found = rows[left.path.name]
    assert found[:2] == ["train.py", client.tracking_uri]
    assert found[3] == "dead"
    assert found[5:] == ["2", "3", "1", "0"]
    listed = shell.json("spool", "list", str(spool))
    assert {one["folder"]: one["state"] for one in listed} == {
        str(left.path): "dead",
        str(alive.path): "alive",
        str(copied.path): "remote",
    }
    alive.close()
    empty.close()


def test_a_folder_that_cannot_be_read_is_named_and_the_others_are_listed(
    shell: Shell, left: SpoolFolder, spool: Path
) -> None:
    for name in ("aaa-1-00000000", "zzz-1-00000000"):
        (spool / name).mkdir()
        (spool / name / "spool.json").write_text("{")
    done = shell.run("spool", "list", str(spool))
    assert done.exit_code == 1
    assert left.path.name in done.stdout
    assert [line.partition(" cannot be read: ")[0] for line in done.stderr.splitlines()] == [
        "aaa-1-00000000",
        "zzz-1-00000000",
    ]
    listed = shell.run("spool", "list", str(spool), "--json")
    assert [one["folder"] for one in json.loads(listed.stdout)] == [str(left.path)]


def test_a_copy_that_does_not_say_what_it_is_is_named(
    shell: Shell, left: SpoolFolder, spool: Path
) -> None:
    (left.path / "spool.json").unlink()
    for command in (["sync", str(spool)], ["sync", str(left.path)], ["spool", "list", str(spool)]):
        done = shell.run(*command)
        assert done.exit_code == 1, command
        assert done.output.count("spool.json") == 1
    assert list((left.path / "batches").iterdir())


def test_the_runs_of_a_folder_are_shown(
    shell: Shell, run_id: str, left: SpoolFolder, spool: Path
) -> None:
    rows = shell.rows("spool", "show", left.path.name, RUNSTREAM_SPOOL=str(spool))
    assert rows[1:] == [
        ["run", "name", "experiment", "batches", "points", "tasks"],
        [run_id, "-", "-", "2", "3", "1"],
    ]
    said = shell.json("spool", "show", str(left.path))
    counts = {"run_name": "", "experiment": "", "batches": 2, "points": 3, "tasks": 1}
    assert said["runs"] == [{"run_id": run_id, **counts}]
    assert said["folder"]["program"] == "train.py"


def test_a_folder_is_discarded_unless_its_program_runs(
    shell: Shell, left: SpoolFolder, spool: Path
) -> None:
    assert shell.output("spool", "discard", str(left.path), "--yes") == f"Removed {left}.\n"
    assert not left.path.exists()
    alive = new_folder(spool, "")
    assert "a program that runs" in shell.refusal(1, "spool", "discard", str(alive.path), "--yes")
    assert alive.path.exists()
    alive.close()
    assert "is no folder of a spool" in shell.refusal(3, "spool", "discard", str(spool), "--yes")


@pytest.mark.parametrize("text", [None, "", '{"trackingUri', "[" * 5_000])
def test_a_folder_that_does_not_say_what_it_is_can_be_discarded_and_is_no_traceback(
    shell: Shell, left: SpoolFolder, spool: Path, text: str | None
) -> None:
    info = left.path / "spool.json"
    info.unlink() if text is None else info.write_text(text)
    assert "spool.json" in shell.refusal(1, "spool", "show", str(left.path))
    alive = new_folder(spool, "")
    (alive.path / "spool.json").write_text("")
    assert "a program that runs" in shell.refusal(1, "spool", "discard", str(alive.path), "--yes")
    assert shell.output("spool", "discard", str(left.path), "--yes") == f"Removed {left}.\n"
    assert not left.path.exists()
    alive.close()


def test_a_folder_that_stays_for_what_is_damaged_says_so(
    shell: Shell, left: SpoolFolder, spool: Path
) -> None:
    with (left.batches / "00000001.log").open("r+b") as file:
        file.write(bytes(12))
    first, again = shell.run("sync", str(spool)), shell.run("sync", str(spool))
    kept = sum(file.stat().st_size for file in left.damaged.iterdir())
    assert first.exit_code == again.exit_code == 1
    assert f"{kept} bytes are damaged, see `runstream spool show" in first.stdout
    assert f"stays with {kept} bytes damaged before, see `runstream spool show" in again.stdout
    said = shell.output("spool", "show", str(left.path))
    assert f"\n{kept:,} bytes are no batches or tasks; {left.damaged} keeps them.\n" in said
    assert shell.json("spool", "show", str(left.path))["folder"]["damaged"] == kept > 0


def test_a_link_is_not_discarded(shell: Shell, left: SpoolFolder, spool: Path) -> None:
    link = spool / "link"
    link.symlink_to(left.path)
    done = shell.run("spool", "discard", str(link))
    assert done.exit_code != 0
    assert "is a link" in done.stderr
    assert left.path.exists()
