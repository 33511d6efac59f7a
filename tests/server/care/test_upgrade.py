"""Databases of former versions are opened, and have what new ones have.

One whose points are rows, as they were before, becomes one with points in chunks.
"""

from __future__ import annotations

import math
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from peewee import PostgresqlDatabase, SqliteDatabase
from playhouse.migrations import Runner

from runstream.v1.document_pb2 import DocumentKind
from runstream.v1.document_service_pb2 import CreateDocumentRequest, GetDocumentRequest
from runstream.v1.run_pb2 import RunStatus, RunTag
from runstream.v1.run_service_pb2 import GetRunRequest, UpdateRunRequest
from runstream_service.care.check import check
from runstream_service.engine.sqlite import SqliteEngine
from support.alerts import create_rule, wait_for_alerts
from support.api import Api
from support.postgres import Postgres
from support.server_process import ENVIRONMENT, ServerProcess

Point = tuple[int, int, float]

RUN = f"{1:032x}"
LONG: list[Point] = [(i // 2, i, math.nan if i % 100 == 7 else i / 7) for i in range(70_050)]
SHORT: list[Point] = [
    (-(2**63), 0, -0.0),
    (0, 5, -math.inf),
    (0, 5, 1.5),
    (0, 5, math.inf),
    (2**63 - 1, 2, math.nan),
]


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A database of the version before, with two metrics of a run."""
    file = tmp_path / "runs.db"
    before = Runner(SqliteDatabase(str(file)), str(SqliteEngine.MIGRATIONS))
    before.up("0017_console")
    before.database.close()
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(
            "INSERT INTO run (id, uuid, experiment_id, name, user_id, status, start_time, "
            "artifact_uri, deleted, deleted_with_experiment, purging) "
            "VALUES (7, ?, 0, 'old', '', 3, 0, '', 0, 0, 0)",
            (RUN,),
        )
        database.execute("INSERT INTO param (run_id, key, value) VALUES (7, 'lr', '0.1')")
        for series, (key, points) in enumerate((("long", LONG), ("short", SHORT)), 3):
            numbers = [value for *_, value in points if value == value]
            last = tuple(map(stored, points[-1]))
            row = (series, 7, key, len(points), *last, min(numbers), max(numbers))
            database.execute("INSERT INTO series VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
            database.executemany(
                "INSERT INTO point VALUES (?, ?, ?, ?)",
                ((series, *map(stored, point)) for point in points),
            )
    return file


def stored(number: float) -> float | str:
    return "NaN" if number != number else number


def texts(points: list[Point]) -> list[str]:
    """Points of which NaN is equal to itself, and -0.0 is not 0.0."""
    return list(map(repr, points))


def check_upgraded(server: ServerProcess, connect: Callable[[str], Api]) -> None:
    api = connect(server.address)
    for key, points in (("long", LONG), ("short", SHORT)):
        found = [(step, time, value) for _, step, time, value in api.read_points(RUN, key)]
        assert texts(found) == texts(points)
    said = server.stop()
    assert all(
        "INFO runstream_service.care.upgrade: upgrading" in line for line in said.splitlines()
    )
    assert [fault for found in check(server.database) for fault in found.faults] == []


def test_a_server_moves_the_points_of_a_database_of_the_version_before(
    old: Path, connect: Callable[[str], Api]
) -> None:
    server = ServerProcess(old)
    check_upgraded(server, connect)
    assert not list(old.parent.glob("*.upgrade*"))


def test_an_upgrade_that_is_killed_leaves_the_old_file_whole_and_is_done_by_the_next(
    old: Path, connect: Callable[[str], Api]
) -> None:
    stopping = (
        "import sys, time\n"
        "from runstream_service.care import upgrade\n"
        "upgrade._FETCHES, read = 2, upgrade._read_rows\n"
        "def in_part(old, series):\n"
        "    for number, part in enumerate(read(old, series)):\n"
        "        if number == 3:\n"
        "            print('in the middle', file=sys.stderr, flush=True)\n"
        "            time.sleep(600)\n"
        "        yield part\n"
        "upgrade._read_rows = in_part\n"
        "from runstream.cli import main\n"
        "main()\n"
    )
    draft = old.with_name("runs.db.upgrade")
    command = [sys.executable, "-c", stopping, "db", "upgrade", str(old)]
    with subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True) as upgrading:
        assert upgrading.stderr
        assert "in the middle\n" in iter(upgrading.stderr.readline, "")
        upgrading.kill()
    assert draft.exists()
    with closing(sqlite3.connect(old)) as database:
        rows = database.execute("SELECT count(*) FROM point").fetchone()
        assert rows == (len(LONG) + len(SHORT),)
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    done = subprocess.run(
        [sys.executable, "-m", "runstream", "db", "upgrade", str(old)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
    )
    names = sorted(file.stem for file in SqliteEngine.MIGRATIONS.glob("0*.py"))
    newer = [name for name in names if name >= "0018_columns"]
    assert done.stdout.splitlines() == [
        *(f"Applied {name}." for name in newer),
        f"{old} is up to date.",
    ]
    assert not draft.exists()
    check_upgraded(ServerProcess(old), connect)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_database_from_before_documents_and_alerts_takes_them(
    kind: str, tmp_path: Path, postgres: Postgres, connect: Callable[[str], Api]
) -> None:
    file, url = tmp_path / "runs.db", None
    database: Any = SqliteDatabase(str(file))
    if kind == "postgresql":
        url = postgres.create_database()
        database = PostgresqlDatabase(url, prefer_psycopg3=True)
    with database:
        before = {"sqlite": "0031_created_by", "postgresql": "0013_created_by"}[kind]
        Runner(database, str(SqliteEngine.MIGRATIONS.with_name(kind))).up(before)
        database.execute_sql(
            "INSERT INTO run (id, uuid, experiment_id, name, user_id, status, start_time,"
            " artifact_uri, deleted, deleted_with_experiment, purging)"
            f" VALUES (7, '{RUN}', 0, 'old', '', {RunStatus.RUNNING}, 0, '', false, false, false)"
        )
        database.execute_sql("INSERT INTO run_tag (run_id, key, value) VALUES (7, 'team', 'x')")
    server = ServerProcess(file, url=url)
    api = connect(server.address)
    assert RunTag(key="team", value="x") in api.runs.GetRun(GetRunRequest(run_id=RUN)).run.data.tags
    rule = create_rule(api, run_id=RUN, run_failed={})
    view = CreateDocumentRequest(
        experiment_id="0", kind=DocumentKind.DOCUMENT_KIND_VIEW, title="mine", text="tab=table"
    )
    made = api.documents.CreateDocument(view).document
    api.runs.UpdateRun(UpdateRunRequest(run_id=RUN, status=RunStatus.FAILED))
    (alert,) = wait_for_alerts(api, 1, run_id=RUN)
    assert alert.rule_id == rule.rule_id
    request = GetDocumentRequest(document_id=made.document_id)
    assert api.documents.GetDocument(request).document.text == "tab=table"
    server.stop()
