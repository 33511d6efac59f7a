"""Searches go by indexes (S6), as EXPLAIN QUERY PLAN of SQLite tells."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from support.api import Api
from support.named_runs import NamedRuns
from support.server_process import ServerProcess


@pytest.fixture
def plan(
    api: Api, server: ServerProcess, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., str]]:
    """How SQLite runs the statements of a search of three runs, on the file of the server."""
    from runstream_service.engine.tables import database
    from runstream_service.search import run_search, scope

    runs = NamedRuns(api)
    for name in "abc":
        runs.add(name, metrics={"a": 0.5, "m": 1.0}, params={"a": "x"}, tags={"a": "x"})
    with sqlite3.connect(server.database) as connection:
        connection.create_function("text_matches", 4, lambda *_: 1)
        lines: list[str] = []

        def explained(query: Any) -> Any:
            statement, values = query.sql()
            rows = connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)
            lines.extend(row[3] for row in rows)
            return connection.execute(statement, values)

        def plan(text: str, *order_by: str, gathers: int, top_level: bool = False) -> str:
            lines.clear()
            monkeypatch.setattr(database, "execute", explained)
            monkeypatch.setattr(database, "connection", lambda: connection)
            monkeypatch.setattr(scope, "ALWAYS_SORTED", gathers)
            monkeypatch.setattr(run_search, "max_sorted", lambda _: gathers)
            where = scope.Scope([0], deleted=False, top_level=top_level)
            run_search.RunSearch(where, text, order_by).page(10, None)
            if top_level:
                where.count_children(["a", "b"])
            monkeypatch.undo()
            return "\n".join(lines)

        yield plan


def test_searches_go_by_indexes(plan: Any) -> None:
    assert plan("", gathers=1).endswith("USING INDEX run_by_experiment (experiment_id=?)")
    for gathers in (0, 9):  # it looks for few through the index, whatever it finds
        assert "series_by_value (key=? AND last_value<?)" in plan("metrics.a < 1", gathers=gathers)
        assert "param_by_value (key=? AND value=?)" in plan("params.a = 'x'", gathers=gathers)
        by_number = plan("params.a > 0.5", gathers=gathers)
        assert "param_by_number (key=? AND number>? AND number<?)" in by_number
        by_number = plan("tags.a = 0.5", gathers=gathers)
        assert "run_tag_by_number (key=? AND number=?)" in by_number
        by_tag = plan("tags.a = 'x'", "metrics.m DESC", gathers=gathers)
        assert "run_tag_by_value (key=? AND value=?)" in by_tag


def test_child_runs_are_left_out_and_counted_by_indexes(plan: Any) -> None:
    steps = plan("", gathers=1, top_level=True)
    assert "USING PRIMARY KEY (run_id=? AND key=?)" in steps  # the tag of each run
    assert "(uuid=?)" in steps  # its parent
    assert "run_tag_by_value (key=? AND value=?)" in steps  # the children of each
    assert "SCAN t" not in steps


WALKS = {
    "metrics.m DESC": ["series_by_value"],
    "params.a": ["param_by_number", "param_by_number", "param_by_value"],
    "tags.a DESC": ["run_tag_by_number", "run_tag_by_number", "run_tag_by_value"],
}


@pytest.mark.parametrize("order", WALKS)
def test_many_runs_are_walked_in_the_order_of_an_index(plan: Any, order: str) -> None:
    walk = (
        r"SEARCH t2 USING (?:COVERING )?INDEX (\w+) \(key=\?.*\)\n"
        r"SEARCH t1 USING INTEGER PRIMARY KEY \(rowid=\?\)\n"
        r"USE TEMP B-TREE FOR (?:RIGHT PART|LAST \d TERMS) OF ORDER BY"
    )
    assert re.findall(walk, plan("", order, gathers=1)) == WALKS[order]
    gathered = plan("", order, gathers=9)
    assert not re.search(walk, gathered)
    assert gathered.endswith("USE TEMP B-TREE FOR ORDER BY")
