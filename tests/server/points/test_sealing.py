"""Tails become chunks while others log and read, and a server may be killed meanwhile."""

from __future__ import annotations

import random
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import grpc
import pytest

from runstream.v1.metric_service_pb2 import ReadMetricHistoryRequest
from runstream.v1.run_service_pb2 import GetRunRequest
from runstream_service.care.backup import back_up
from runstream_service.care.check import check, check_engine
from runstream_service.engine.store import open_engine
from support.api import Api, expect_refusal, make_batch
from support.eager_sealer import EAGER
from support.server_process import ServerProcess
from support.waiting import wait_until

Connect = Callable[[str], Api]


@pytest.fixture
def eager(tmp_path: Path, new_url: Callable[[], str | None]) -> Iterator[ServerProcess]:
    server = ServerProcess(tmp_path / "runs.db", program=("-c", EAGER), url=new_url())
    yield server
    assert "not sealed" not in server.stop()


def find_faults(server: ServerProcess) -> list[str]:
    return [fault for found in check_engine(open_engine(server.url)) for fault in found.faults]


def count(server: ServerProcess, table: str) -> int:
    return int(server.query(f"SELECT count(*) FROM {table}")[0][0])


def test_a_server_that_is_killed_while_it_seals_has_every_answered_point_once(
    eager: ServerProcess, connect: Connect
) -> None:
    api = connect(eager.address)
    run_id = api.create_run()
    choose = random.Random(7)
    # Mostly in order; every fifth batch is late, and some are sent twice.
    steps = [i if i % 5 else choose.randrange(i + 1) for i in range(3_000)]
    requests = [
        make_batch(run_id, [("a", s, i, s / 7), ("b", i, i, 0.5)]) for i, s in enumerate(steps)
    ]
    answered = 0
    for _ in range(3):
        already = max(0, answered - 20)
        threading.Timer(choose.uniform(0.2, 0.5), eager.process.kill).start()
        with suppress(grpc.RpcError):
            for answer in api.logging.LogBatch(iter(requests[already:]), timeout=60):
                answered = max(answered, already + answer.answered)
        eager.kill()
        eager.restart()
        api.runs.GetRun(GetRunRequest(run_id=run_id), wait_for_ready=True, timeout=30)
        stored = [step for _, step, _, _ in api.read_points(run_id, "b")]
        assert stored == list(range(len(stored)))
        assert len(stored) >= answered
    api.log_batches(requests[max(0, answered - 20) :])
    expected = sorted((s, i, s / 7) for i, s in enumerate(steps))
    assert [point[1:] for point in api.read_points(run_id, "a")] == expected
    wait_until(lambda: count(eager, "tail_row") <= 1, 60)
    assert [point[1:] for point in api.read_points(run_id, "a")] == expected
    assert count(eager, "chunk") > 50
    faults = find_faults(eager)
    assert faults == []


def test_readers_see_every_point_once_while_it_is_sealed(
    eager: ServerProcess, connect: Connect
) -> None:
    api = connect(eager.address)
    run_id = api.create_run()
    done = threading.Event()
    logged = 0

    def log() -> None:
        nonlocal logged
        for first in range(0, 3_000, 4):
            api.log_batches([make_batch(run_id, [("a", first + i, 1, 0.5) for i in range(4)])])
            logged = first + 4
        done.set()

    logging = threading.Thread(target=log)
    logging.start()
    try:
        while not done.is_set():
            before = logged
            found = [step for _, step, _, _ in api.read_points(run_id, "a")]
            assert found == list(range(len(found)))
            assert len(found) >= before
            thin = api.metrics.ReadMetricHistory(
                ReadMetricHistoryRequest(run_id=run_id, max_points=50)
            )
            steps = [step for answer in thin for step in answer.metrics.step]
            assert steps == sorted(set(steps))
    finally:
        logging.join()
    assert count(eager, "chunk") > 10


@pytest.mark.sqlite
def test_a_backup_that_is_made_while_points_are_sealed_is_whole(
    eager: ServerProcess, connect: Connect, tmp_path: Path
) -> None:
    api = connect(eager.address)
    run_id = api.create_run()
    logged = 0

    def log() -> None:
        nonlocal logged
        for first in range(0, 6_000, 4):
            rows = [("a", first + i, i, (first + i) / 7) for i in range(4)]
            api.log_batches([make_batch(run_id, rows)])
            logged = first + 4

    logging = threading.Thread(target=log)
    logging.start()
    copies: list[tuple[int, Path]] = []
    try:
        while logging.is_alive() and len(copies) < 5:
            before, copy = logged, tmp_path / f"copy{len(copies)}.db"
            back_up(eager.database, copy, overwrite=False, progress=lambda *_: None)
            copies.append((before, copy))
    finally:
        logging.join()
    for before, copy in copies:
        assert [fault for found in check(copy) for fault in found.faults] == []
        with closing(sqlite3.connect(copy)) as database:
            (points,) = database.execute("SELECT sum(count) FROM series").fetchone()
        assert (points or 0) >= before
    assert count(eager, "chunk") > 10


def test_damaged_points_are_an_error_that_names_them_and_others_stay_readable(
    eager: ServerProcess, connect: Connect
) -> None:
    api = connect(eager.address)
    run_id = api.create_run()
    api.log_batches(
        make_batch(run_id, [(key, i, i, i / len(key)) for i in range(10_000)])
        for key in ("bad", "good")
    )
    is_file = eager.url.startswith("sqlite")
    zeros = "zeroblob(length(data))" if is_file else "decode(repeat('00', length(data)), 'hex')"
    eager.query(
        f"UPDATE chunk_data SET data = {zeros} WHERE id IN (SELECT data_id FROM "
        "chunk JOIN series ON series.id = series_id WHERE key = 'bad' LIMIT 1)"
    )
    with expect_refusal(grpc.StatusCode.DATA_LOSS, "CHUNK_DAMAGED") as refusal:
        api.read_points(run_id, "bad")
    assert "'bad'" in refusal.message
    assert run_id in refusal.message
    assert len(api.read_points(run_id, "good")) == 10_000
    api.log_batches([make_batch(run_id, [("bad", 20_000, 1, 0.5)])])
    late = make_batch(run_id, [("bad", 5, 9, 0.5), ("bad2", 1, 1, 1.0)], [("lr", "1")])
    (answer,) = api.log_batches([late])
    assert answer.error.reason == "CHUNK_DAMAGED"
    assert not api.runs.GetRun(GetRunRequest(run_id=run_id)).run.data.params
    assert api.read_points(run_id, "bad2") == []
    faults = find_faults(eager)
    assert len(faults) == 1
    assert "'bad'" in faults[0]
