"""`runstream db check` finds whatever does not fit together of the points of a database."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import grpc
import numpy as np
import pytest

from runstream_service.care.check import check
from runstream_service.points import chunk_summary, codec
from support.api import Api, make_batch
from support.server_process import ServerProcess

SERIES = "(SELECT id FROM series WHERE key = 'loss')"
CHUNK = f"series_id = {SERIES} AND first_step = 0"
DATA = f"id = (SELECT data_id FROM chunk WHERE {CHUNK})"
TAIL = "id = (SELECT min(id) FROM tail_row)"

#: Statements, each of which changes something that another part of the database contradicts.
CHANGES = [
    "UPDATE series SET count = count + 1",
    "UPDATE series SET last_step = last_step + 1",
    "UPDATE series SET last_timestamp = last_timestamp - 1",
    "UPDATE series SET last_value = 7.5",
    "UPDATE series SET last_value = 'NaN'",
    "UPDATE series SET min_value = min_value - 1",
    "UPDATE series SET min_value = NULL",
    "UPDATE series SET max_value = max_value + 1",
    f"UPDATE chunk SET series_id = (SELECT id FROM series WHERE key = 'acc') WHERE {CHUNK}",
    f"UPDATE chunk SET run_id = run_id + 1 WHERE {CHUNK}",
    f"UPDATE chunk SET first_step = -1 WHERE {CHUNK}",
    f"UPDATE chunk SET first_timestamp = 99 WHERE {CHUNK}",
    f"UPDATE chunk SET first_value = 'NaN' WHERE {CHUNK}",
    f"UPDATE chunk SET first_value = 7.5 WHERE {CHUNK}",
    f"UPDATE chunk SET data_id = data_id + 1 WHERE {CHUNK}",
    f"UPDATE chunk SET count = count - 1 WHERE {CHUNK}",
    f"UPDATE chunk SET summary = zeroblob(length(summary)) WHERE {CHUNK}",
    f"UPDATE chunk SET summary = substr(summary, 9) WHERE {CHUNK}",
    f"DELETE FROM chunk WHERE {CHUNK}",
    f"UPDATE chunk_data SET run_id = run_id + 1 WHERE {DATA}",
    f"UPDATE chunk_data SET checksum = checksum + 1 WHERE {DATA}",
    f"UPDATE chunk_data SET data = zeroblob(length(data)) WHERE {DATA}",
    f"UPDATE chunk_data SET data = substr(data, 2) WHERE {DATA}",
    f"UPDATE chunk_data SET data = x'' WHERE {DATA}",
    f"DELETE FROM chunk_data WHERE {DATA}",
    f"UPDATE tail_row SET count = count + 1 WHERE {TAIL}",
    f"UPDATE tail_row SET checksum = checksum + 1 WHERE {TAIL}",
    f"UPDATE tail_row SET data = zeroblob(length(data)) WHERE {TAIL}",
    f"UPDATE tail_row SET data = substr(data, 1, 8) WHERE {TAIL}",
    f"UPDATE tail_row SET data = x'' WHERE {TAIL}",
    f"UPDATE tail_row SET run_id = (SELECT id FROM run WHERE uuid = 'other') WHERE {TAIL}",
    f"DELETE FROM tail_row WHERE {TAIL}",
    "INSERT INTO tail_row (run_id, count, is_rest, checksum, data) "
    f"SELECT run_id, count, is_rest, checksum, data FROM tail_row WHERE {TAIL}",
]

Stored = tuple[Path, str]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    """A database with chunks and a tail of the metrics `loss` and `acc`, and the run's id."""
    server = ServerProcess(tmp_path_factory.mktemp("stored") / "runs.db")
    with grpc.insecure_channel(server.address) as channel:
        api = Api(channel)
        run_id = api.create_run()
        for key in ("loss", "acc"):
            first = 0 if key == "loss" else 1
            steps = range(first, first + 9_000)
            rows = [(key, i, i // 3, np.nan if i % 100 == 9 else i / 7) for i in steps]
            api.log_batches([make_batch(run_id, rows)])
        for step in (9_000, 9_001, 9_002):
            api.log_batches(
                [make_batch(run_id, [("loss", step, step, 1.5), ("acc", step + 1, 1, 0)])]
            )
    server.stop()
    with closing(sqlite3.connect(server.database)) as database, database:
        database.execute(
            "INSERT INTO run (uuid, experiment_id, name, user_id, status, start_time, artifact_uri,"
            " deleted, deleted_with_experiment, purging) SELECT 'other', 0, '', '', 3, 0, '', 0, 0,"
            " 0"
        )
    return server.database, run_id


def find_faults(file: Path) -> list[str]:
    found = {name: faults for name, faults, *_ in check(file)}
    assert not found["integrity"] + found["references"]
    return found["points"]


def change(stored: Stored, folder: Path, do: Callable[[sqlite3.Connection], object]) -> list[str]:
    """Return the faults of a changed copy."""
    file = Path(shutil.copy(stored[0], folder))
    with closing(sqlite3.connect(file)) as database, database:
        do(database)
    return find_faults(file)


def test_a_database_that_was_not_changed_has_no_faults(stored: Stored) -> None:
    assert find_faults(stored[0]) == []
    with closing(sqlite3.connect(stored[0])) as database:
        assert database.execute("SELECT count(*) FROM chunk").fetchone() == (4,)
        assert database.execute("SELECT count(*) FROM tail_row").fetchone() == (3,)


@pytest.mark.parametrize("statement", CHANGES)
def test_each_field_that_is_changed_is_a_fault_that_names_the_run_and_the_metric(
    stored: Stored, tmp_path: Path, statement: str
) -> None:
    faults = change(stored, tmp_path, lambda database: database.execute(statement))
    assert any(stored[1] in fault for fault in faults), faults
    # A row of a tail has points of all metrics.
    assert "tail_row" in statement or any("'loss'" in fault for fault in faults), faults


def fields() -> list[tuple[str, ...]]:
    """The numbers of a summary, of which some are in a part."""
    found: list[tuple[str, ...]] = []
    for name in chunk_summary.SUMMARY.names or ():
        parts = chunk_summary.SUMMARY[name].names
        found += [(name, part) for part in parts] if parts else [(name,)]
    return found


@pytest.mark.parametrize("field", fields(), ids=".".join)
@pytest.mark.parametrize("checksum", ["old checksum", "new checksum"])
def test_each_number_of_a_chunks_summary_that_is_changed_is_a_fault(
    stored: Stored, tmp_path: Path, field: tuple[str, ...], checksum: str
) -> None:
    """A fault of ours would write a checksum that fits."""

    def edit(database: sqlite3.Connection) -> None:
        packed, data = database.execute(
            f"SELECT summary, data FROM chunk JOIN chunk_data ON id = data_id WHERE {CHUNK}"
        ).fetchone()
        (series,) = database.execute(f"SELECT id FROM series WHERE id = {SERIES}").fetchone()
        summary = chunk_summary.unpack_summaries(series, [packed]).copy()
        part = summary
        for name in field:
            part = part[name]
        part += np.where(np.isnan(part), 0, 1)
        part[np.isnan(part)] = 0.5
        changed = summary.tobytes() + packed[summary.nbytes :]
        assert changed != packed
        if checksum == "new checksum":
            changed = chunk_summary.pack_summary(series, summary)
            new = codec.checksum(summary.tobytes(), data)
            database.execute(f"UPDATE chunk_data SET checksum = ? WHERE {DATA}", (new,))
        database.execute(f"UPDATE chunk SET summary = ? WHERE {CHUNK}", (changed,))

    faults = change(stored, tmp_path, edit)
    assert any(stored[1] in fault and "'loss'" in fault for fault in faults), faults
