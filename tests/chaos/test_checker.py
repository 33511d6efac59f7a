"""The checker of the kill matrix finds what is lost, doubled or wrong, and nothing else."""

from __future__ import annotations

import signal
import zlib
from pathlib import Path
from random import Random
from typing import Any

import pytest

from chaos.checker import Checker, Stored, batch_problems, statements
from chaos.journal import Record, Said
from chaos.plan import FAULTS, make_plan
from chaos.spool_damage import lose_unsynced, whole_batches
from runstream import TrackingClient
from support.api import make_batch

KILLED = 10_000_000_000
#: Ticks each 10 ms.
TICKS = list(range(0, KILLED, 10_000_000))


def record(*calls: list[Any], begun: int = 0, done: int | None = 1) -> Record:
    """Return the journal of a process that said all this at one time, of the run `r`."""
    said = [Said("r", call, begun, done, None) for call in calls]
    return Record("a", 1, said, TICKS, [], [], None, None, KILLED)


def find(client: TrackingClient, *records: Record, killed: bool = False) -> list[str]:
    """Compare journals with the experiment `e`; return what is wrong, by kind."""
    said = statements(records, {1: KILLED} if killed else {}, {})
    exits: dict[str, int | None] = {} if killed else {"a": 0}
    return [p.kind for p in Checker(said, Stored(client, "e"), exits, True).problems()]


@pytest.fixture
def run_id(client: TrackingClient) -> str:
    """A run of which it is stored that it has started, and points 0 to 4 of `m`."""
    experiment_id = client.create_experiment("e")
    run_id = client.create_run(experiment_id, tags={"chaos": "r"}).info.run_id
    client.log_columns(run_id, "m", [0.0, 1.0, 2.0, 3.0, 4.0], list(range(5)))
    client.set_terminated(run_id)
    return run_id


START = ["start", ""]


def test_what_is_stored_as_it_was_said_is_right(client: TrackingClient, run_id: str) -> None:
    client.set_tag(run_id, "t.1", "x")
    client.log_param(run_id, "p", "1")
    calls: list[list[Any]] = [
        ["points", "m", 0, 5, 0.0],
        ["tag", "t.1", "x"],
        ["params", {"p": "1"}],
    ]
    assert find(client, record(START, *calls)) == []


@pytest.mark.usefixtures("run_id")
def test_a_point_that_was_said_in_time_and_is_not_there_is_lost(client: TrackingClient) -> None:
    said = record(START, ["points", "m", 0, 6, 0.0])
    assert find(client, said) == find(client, said, killed=True) == ["lost"]


def test_a_run_that_was_started_and_is_not_there_is_lost(client: TrackingClient) -> None:
    assert find(client, record(START)) == ["lost"]


@pytest.mark.parametrize("done", [None, KILLED - 50_000_000])
@pytest.mark.usefixtures("run_id")
def test_what_was_said_right_before_the_kill_may_be_missing(
    client: TrackingClient, done: int | None
) -> None:
    late = record(["points", "m", 5, 1, 5.0], begun=KILLED - 60_000_000, done=done)
    before = record(START, ["points", "m", 0, 5, 0.0])
    assert find(client, before, late, killed=True) == []


@pytest.mark.usefixtures("run_id")
def test_what_was_said_long_before_the_kill_may_be_missing_if_the_process_had_no_time(
    client: TrackingClient,
) -> None:
    said = record(START, ["points", "m", 0, 6, 0.0], done=1)
    stopped, syncing = said._replace(ticks=[0, 1, 2]), said._replace(waits=[(2, KILLED)])
    assert find(client, stopped, killed=True) == find(client, syncing, killed=True) == []
    synced = said._replace(waits=[(2, KILLED // 2)])
    assert find(client, synced, killed=True) == ["lost"]


@pytest.mark.usefixtures("run_id")
def test_all_that_was_said_before_a_program_was_asked_to_end_must_be_there(
    client: TrackingClient,
) -> None:
    said = record(START, ["points", "m", 0, 5, 0.0])
    late = record(["points", "m", 5, 1, 5.0], begun=KILLED - 2, done=KILLED - 1)
    for terminated, problems in ((KILLED, ["lost"]), (KILLED - 2, [])):
        found = statements([said, late], {}, {1: terminated})
        checker = Checker(found, Stored(client, "e"), {"a": -signal.SIGTERM}, True, {"a"})
        assert [problem.kind for problem in checker.problems()] == problems


def test_what_nobody_said_is_wrong(client: TrackingClient, run_id: str) -> None:
    client.set_tag(run_id, "t.1", "x")
    client.log_param(run_id, "p", "1")
    said = record(START, ["points", "m", 0, 4, 0.0])
    assert find(client, said) == ["wrong", "wrong", "wrong"]


def test_what_is_there_twice_is_doubled(client: TrackingClient, run_id: str) -> None:
    client.log_metric(run_id, "m", 4.0, step=4, timestamp=1)
    experiment = client.get_run(run_id).info.experiment_id
    client.create_run(experiment, tags={"chaos": "r"})
    said = record(START, ["points", "m", 0, 5, 0.0])
    assert "doubled" in find(client, said, killed=True)


def test_a_gap_before_what_is_stored_is_wrong_though_none_of_it_was_said_in_time(
    client: TrackingClient, run_id: str
) -> None:
    client.log_metric(run_id, "m", 7.0, step=7)
    late = record(["points", "m", 5, 4, 5.0], done=None)
    assert find(client, record(START, ["points", "m", 0, 5, 0.0]), late, killed=True) == ["wrong"]


@pytest.mark.parametrize("stored", ["old", None])
def test_a_tag_that_is_not_as_it_was_set_last_is_lost(
    client: TrackingClient, run_id: str, stored: str | None
) -> None:
    if stored:
        client.set_tag(run_id, "t.1", stored)
    calls: list[list[Any]] = [
        ["points", "m", 0, 5, 0.0],
        ["tag", "t.1", "old"],
        ["tag", "t.1", "new"],
    ]
    assert find(client, record(START, *calls), killed=True) == ["lost"]


@pytest.mark.usefixtures("run_id")
def test_an_end_that_is_not_stored_is_lost(client: TrackingClient) -> None:
    said = record(START, ["points", "m", 0, 5, 0.0], ["end", "KILLED"])
    assert find(client, said, killed=True) == ["lost"]


def test_a_batch_that_is_whole_on_disk_must_be_stored(
    client: TrackingClient, run_id: str, tmp_path: Path
) -> None:
    folder = tmp_path / "host-1-00000000" / "batches"
    folder.mkdir(parents=True)
    frames = []
    for step in (4, 5):
        payload = make_batch(run_id, [("m", step, 1, float(step))]).SerializeToString()
        frames.append(frame(payload))
    (folder / "00000001.log").write_bytes(b"".join(frames))
    stored = Stored(client, "e")
    assert [p.kind for p in batch_problems(whole_batches(tmp_path), stored)] == ["lost"]
    synced = {(folder / "00000001.log").stat().st_ino: len(frames[0])}
    lose_unsynced(tmp_path, synced, Random(1), is_synced=True)
    assert list(batch_problems(whole_batches(tmp_path), stored)) == []
    assert len(list(whole_batches(tmp_path))) == 1
    for size in range(len(frames[0])):
        (folder / "00000001.log").write_bytes(frames[0][:size])
        assert list(whole_batches(tmp_path)) == []


def frame(payload: bytes) -> bytes:
    """Return a frame of docs/spool.md."""
    length = len(payload).to_bytes(4, "little")
    return b"RSF1" + length + zlib.crc32(length + payload).to_bytes(4, "little") + payload


def test_a_plan_is_that_of_its_seed_and_all_that_can_go_wrong_does() -> None:
    plans = [make_plan(seed, with_java=True) for seed in range(300)]
    assert plans[7] == make_plan(7, with_java=True)
    kinds = set().union(*(plan.kinds for plan in plans))
    assert kinds | {"disk_full"} == set(FAULTS)
