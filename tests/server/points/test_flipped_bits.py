"""One bit of the database is another: a read returns the exact points, or says what is damaged."""

from __future__ import annotations

import math
import random
import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import pytest

from runstream.errors import DataLoss
from runstream_service.access.caller import ANYONE
from runstream_service.engine.engine import Engine
from runstream_service.engine.sqlite import SqliteEngine
from runstream_service.engine.store import Store
from runstream_service.points.history import Steps
from runstream_service.points.run_histories import read_parts
from runstream_service.points.verify import find_faults
from support.api import Api, make_batch
from support.server_process import ServerProcess

# Bits that are flipped of each column, at random but the same each time.
FLIPS = 20

LENGTH = 20_000

#: Each part of a row that has a checksum: the table, the column, and which row.
COLUMNS = [
    ("chunk", "summary", "first_step = 8000"),
    ("chunk_data", "id", "id = 2"),
    ("chunk_data", "run_id", "id = 2"),
    ("chunk_data", "checksum", "id = 2"),
    ("chunk_data", "data", "id = 2"),
    ("tail_row", "checksum", "id = 1"),
    ("tail_row", "data", "id = 1"),
]

# All points, some of the second chunk alone, and few of each part of the history.
READS = [(Steps(), 0), (Steps(8_100, 8_110), 0), (Steps(), 20), (Steps(7_000, 15_000), 20)]


class Stored(NamedTuple):
    """A database that is open, with chunks and a tail of two metrics of one run."""

    store: Store
    run_id: str


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stored]:
    server = ServerProcess(tmp_path_factory.mktemp("stored") / "runs.db")
    with grpc.insecure_channel(server.address) as channel:
        api = Api(channel)
        run_id = api.create_run()
        for first in range(0, LENGTH, 8_000):
            steps = range(first, min(first + 8_000, LENGTH))
            rows = [("loss", i, i // 3, math.nan if i % 100 == 9 else i / 7) for i in steps]
            api.log_batches([make_batch(run_id, rows)])
        api.log_batches([make_batch(run_id, [("loss", LENGTH, 5, 1.5), ("acc", 1, 1, 0.5)])])
    assert server.stop() == ""
    store = Store.open(SqliteEngine(server.database))
    yield Stored(store, run_id)
    store.close()


def read_all(run_id: str, key: str) -> list[Any]:
    """The points of several ways to read, or how each ends."""
    found: list[Any] = []
    for steps, max_points in READS:
        try:
            parts = [
                part.columns for part in read_parts(ANYONE, [run_id], [key], steps, max_points)
            ]
            found.append([b"".join(part) for part in zip(*parts, strict=True)])
        except DataLoss as error:
            found.append((error.metadata["run_id"], error.metadata.get("metric")))
    return found


class Undo(Exception):
    """Undoes a transaction."""


@contextmanager
def undone(engine: Engine) -> Iterator[None]:
    """Undo what is done."""
    with suppress(Undo), engine.write_transaction():
        yield
        raise Undo


def flip(value: Any, choose: random.Random) -> Any:
    data = bytearray(struct.pack("<q", value) if isinstance(value, int) else value)
    bit = choose.randrange(8 * len(data))
    data[bit // 8] ^= 1 << bit % 8
    return struct.unpack("<q", data)[0] if isinstance(value, int) else bytes(data)


@pytest.mark.parametrize(
    ("table", "column", "row"), COLUMNS, ids=lambda text: text.replace(" ", "")
)
def test_a_read_returns_the_exact_points_or_says_what_is_damaged_and_check_sees_it(
    stored: Stored, table: str, column: str, row: str
) -> None:
    choose = random.Random(f"{table} {column}")
    engine = stored.store.engine
    with engine.connection_context():
        whole = read_all(stored.run_id, "loss")
        damaged = (stored.run_id, "loss")
        assert damaged not in whole
        others = read_all(stored.run_id, "acc")
        assert list(find_faults()) == []
        (value,) = engine.execute_sql(f"SELECT {column} FROM {table} WHERE {row}").fetchone()
        for _ in range(FLIPS):
            with undone(engine):
                change = f"UPDATE {table} SET {column} = ? WHERE {row}"
                changed = engine.connection().execute(change, (flip(value, choose),))
                assert changed.rowcount == 1
                found = read_all(stored.run_id, "loss")
                assert found[0] == damaged
                assert all(got in (true, damaged) for got, true in zip(found, whole, strict=True))
                assert read_all(stored.run_id, "acc") == others
                assert any("'loss'" in fault for fault in find_faults())


@pytest.mark.parametrize("count", [1, LENGTH, 2**40])
def test_a_series_that_says_another_number_of_points_is_read_whole_and_thinned_the_same(
    stored: Stored, count: int
) -> None:
    engine = stored.store.engine
    with engine.connection_context(), undone(engine):
        whole = read_all(stored.run_id, "loss")
        engine.connection().execute("UPDATE series SET count = ? WHERE key = 'loss'", (count,))
        assert read_all(stored.run_id, "loss") == whole
        assert any("'loss'" in fault for fault in find_faults())


def test_summaries_get_checksums_from_an_upgrade_and_one_that_was_damaged_stays_so(
    stored: Stored, tmp_path: Path
) -> None:
    file = tmp_path / "old.db"
    with closing(sqlite3.connect(file)) as old:
        old.execute("PRAGMA journal_mode = wal")
        stored.store.engine.connection().backup(old)
        old.execute("UPDATE chunk SET summary = substr(summary, 1, 160)")
        old.execute("UPDATE chunk_data SET checksum = checksum + 1 WHERE id = 2")
        old.execute("DELETE FROM schema_migration WHERE name LIKE '0020%'")
        old.commit()
    assert ServerProcess(file).stop() == ""
    with closing(sqlite3.connect(file)) as upgraded:
        packed = upgraded.execute("SELECT data_id, summary FROM chunk ORDER BY 1").fetchall()
    with stored.store.engine.connection_context():
        query = "SELECT data_id, summary FROM chunk ORDER BY 1"
        expected = stored.store.engine.execute_sql(query).fetchall()
    same = [old == new for old, new in zip(packed, expected, strict=True)]
    assert same == [True, False, *[True] * (len(expected) - 2)]


@pytest.mark.parametrize("change", ["first_step = 8001", "first_step = 7999"])
def test_a_range_at_a_chunk_whose_row_says_another_beginning_is_damaged(
    stored: Stored, change: str
) -> None:
    engine = stored.store.engine
    with engine.connection_context(), undone(engine):
        engine.execute_sql(f"UPDATE chunk SET {change} WHERE first_step = 8000")
        with pytest.raises(DataLoss, match="'loss'"):
            list(read_parts(ANYONE, [stored.run_id], ["loss"], Steps(8_000, 8_000), 0))
