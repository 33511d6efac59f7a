"""What one step of a purge removes, while nobody else can write: row E5."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from runstream_service.care import purge, purge_step
from runstream_service.engine.batch import Batch
from runstream_service.engine.sqlite import SqliteEngine
from runstream_service.engine.store import Store
from runstream_service.engine.tables import ChunkData, Param, Run, TailRow
from runstream_service.points import removal
from runstream_service.points.append import PointAppender, encode_bulk, metrics_of
from runstream_service.points.backlog import Backlog

# Bytes that a step without any time removes: one piece.
PIECE_BYTES = 9 * 2**20


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """An open database; the steps of a purge have no time."""
    monkeypatch.setattr(purge_step, "STEP_SECONDS", 0)
    store = Store.open(SqliteEngine(tmp_path / "runs.db"))
    with store.engine.connection_context():
        yield store
    store.close()


@pytest.fixture
def run(store: Store) -> int:  # noqa: ARG001 # the tables are those of the open store
    """A hidden run that is not the newest."""
    columns = {"experiment": 0, "name": "", "user_id": "", "start_time": 0, "artifact_uri": ""}
    Run.create(uuid="newest", status=3, **columns, id=8)
    return int(Run.create(uuid="gone", status=3, purging=True, **columns, id=7).id)


def log_points(store: Store, run: int, count: int, times: int) -> None:
    """Log points of a metric several times, each with one transaction."""
    appender = PointAppender(Backlog(store.engine))
    for number in range(times):
        step = np.arange(count) + number * count
        value = np.frombuffer(os.urandom(8 * count))
        batch = Batch("", [f"m{number}"], [count], step, step, value)
        batch.encoded = encode_bulk(metrics_of(batch)) if number % 2 else {}
        with store.engine.write_transaction():
            appender.append(appender.find_new(run, batch))
            appender.flush()


def stored_bytes() -> int:
    data = (row for table in (TailRow, ChunkData) for row in table.select(table.data))
    values = (param.value for param in Param.select(Param.value))
    return sum(len(row.data) for row in data) + sum(map(len, values))


def removed_by_steps(store: Store, run: int) -> list[int]:
    """Purge a run; return how many bytes each step removed, and check that all are gone."""
    removed, points, left = [], 0, [run]
    before = stored_bytes()
    while left:
        with store.engine.write_transaction():
            gone, left = purge.remove_rows(left)
        points += gone
        after = stored_bytes()
        removed.append(before - after)
        before = after
    assert before == 0
    assert not Run.select().where(Run.id == run).exists()
    return removed


def test_a_step_removes_few_of_many_large_rows_of_points(store: Store, run: int) -> None:
    log_points(store, run, 200_000, 10)  # rows of a tail of 5 MB, and chunks of 1.6 MB together
    removed = removed_by_steps(store, run)
    assert sum(removed) > 30_000_000
    assert max(removed) <= PIECE_BYTES
    assert len(removed) >= 10


def test_a_step_removes_few_of_many_large_params(store: Store, run: int) -> None:
    values = [(run, f"p{i}", "x" * 250_000) for i in range(200)]
    Param.insert_many(values, [Param.run, Param.key, Param.value]).execute()
    removed = removed_by_steps(store, run)
    assert max(removed) <= PIECE_BYTES
    assert len(removed) >= 7


def test_a_step_with_time_removes_many_small_rows(
    store: Store, run: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purge_step, "STEP_SECONDS", 60)
    log_points(store, run, 10, 1_000)
    assert len(removed_by_steps(store, run)) == 1


def test_the_rows_of_a_tail_go_by_their_points(
    store: Store, run: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removal, "POINTS_AT_ONCE", 25)
    log_points(store, run, 10, 6)
    with store.engine.write_transaction():
        assert list(removal.remove_points(run))[:3] == [20, 20, 20]
