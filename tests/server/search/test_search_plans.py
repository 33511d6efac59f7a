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

pytestmark = pytest.mark.sqlite


@pytest.fixture
def plan(
    api: Api, server: ServerProcess, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., str]]:
    """How SQLite runs the statements of a search of four runs, on the file of the server."""
    from runstream_service.engine.sqlite import SqliteEngine
    from runstream_service.engine.store import Store
    from runstream_service.search import run_search, scope

    runs = NamedRuns(api)
    for name in "abcd":
        runs.add(name, metrics={"a": 0.5, "m": 1.0}, params={"a": "x"}, tags={"a": "x"})
    store = Store(SqliteEngine(server.database, read_only=True))
    engine = store.engine
    with sqlite3.connect(server.database) as connection:
        connection.create_function("text_matches", 4, lambda *_: 1)
        lines: list[str] = []

        def explained(query: Any) -> Any:
            statement, values = engine.get_sql_context().parse(query)
            rows = connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)
            lines.extend(row[3] for row in rows)
            return connection.execute(statement, values)

        def plan(
            text: str,
            *order_by: str,
            gathers: int,
            top_level: bool = False,
            experiments: tuple[int, ...] = (0,),
        ) -> str:
            lines.clear()
            monkeypatch.setattr(engine, "execute", explained)
            monkeypatch.setattr(engine, "connection", lambda: connection)
            monkeypatch.setattr(scope, "ALWAYS_SORTED", gathers)
            monkeypatch.setattr(scope, "max_sorted", lambda _: gathers)
            monkeypatch.setattr(run_search, "max_sorted", lambda _: gathers)
            where = scope.Scope(experiments, deleted=False, top_level=top_level)
            run_search.RunSearch(where, text, order_by).page(10, None)
            if top_level:
                where.count_children(["a", "b"])
            monkeypatch.undo()
            return "\n".join(lines)

        yield plan
    store.close()


def scans(plan: str) -> list[str]:
    """Return the steps that read a whole table, and not the part that an index leads to."""
    return re.findall(r"^SCAN t\d*(?!.*INDEX).*$", plan, re.M)


def follows_index(plan: str) -> bool:
    """Whether runs come as an index has them, and only those that it leaves equal are sorted."""
    return re.search(r"TEMP B-TREE FOR (?!ORDER BY)", plan) is not None


@pytest.mark.parametrize(
    ("filter_string", "index"),
    [
        ("", "run_by_experiment"),
        ("metrics.a < 1", "series_by_value"),
        ("params.a = 'x'", "param_by_value"),
        ("params.a > 0.5", "param_by_number"),
        ("tags.a = 0.5", "run_tag_by_number"),
        ("tags.a = 'x'", "run_tag_by_value"),
    ],
)
@pytest.mark.parametrize("gathers", [1, 9])
def test_searches_go_by_indexes(plan: Any, filter_string: str, index: str, gathers: int) -> None:
    steps = plan(filter_string, gathers=gathers)
    assert index in steps
    assert scans(steps) == []


@pytest.mark.parametrize("text", ["", "status = 'RUNNING'"])
def test_many_runs_of_several_experiments_come_in_the_order_of_time_and_few_are_sorted(
    plan: Any, text: str
) -> None:
    many = plan(text, gathers=1, experiments=(0, 1))
    assert "run_by_time" in many
    assert "TEMP B-TREE" not in many
    assert "run_by_experiment" in plan("", gathers=9, experiments=(0, 1))


def test_a_search_of_an_experiment_looks_into_no_run_that_it_does_not_return(plan: Any) -> None:
    assert "COVERING INDEX run_by_experiment" in plan("", gathers=1)
    assert "COVERING INDEX run_by_time" in plan("", gathers=1, experiments=(0, 1))


@pytest.mark.parametrize(
    ("text", "is_tested_on_each"),
    [
        ("params.a = 'x'", True),
        ("params.a = 'x' and status = 'RUNNING'", True),
        ("params.a = 'x' or metrics.a < 0", True),
        ("not metrics.a < 0", True),
        ("tags.a LIKE '%y%'", True),
        ("metrics.a < 0", False),
        ("params.a = 'x' and metrics.a < 0", False),
        ("metrics.a < 0 or params.a = 'y'", False),
    ],
)
def test_a_filter_that_finds_many_is_tested_on_each_run_of_experiments_with_few(
    plan: Any, text: str, is_tested_on_each: bool
) -> None:
    steps = plan(text, "metrics.m", gathers=2)
    assert ("run_by_experiment" in steps) == is_tested_on_each
    assert scans(steps) == []
    assert not follows_index(steps)
    many = plan(text, "metrics.m", gathers=1)  # the experiment has too many runs for that
    assert follows_index(many) == is_tested_on_each


def test_child_runs_are_left_out_and_counted_by_indexes(plan: Any) -> None:
    steps = plan("", gathers=1, top_level=True)
    assert "run_tag_by_value" in steps  # the children of each
    assert scans(steps) == []


@pytest.mark.parametrize(
    ("order", "indexes"),
    [
        ("metrics.m DESC", ["series_by_value"]),
        ("params.a", ["param_by_number", "param_by_value"]),
        ("tags.a DESC", ["run_tag_by_number", "run_tag_by_value"]),
    ],
)
def test_many_runs_are_walked_in_the_order_of_an_index(
    plan: Any, order: str, indexes: list[str]
) -> None:
    steps = plan("", order, gathers=1)
    assert [index for index in indexes if index not in steps] == []
    assert scans(steps) == []
    assert follows_index(steps)
    assert not follows_index(plan("", order, gathers=9))  # few are gathered and sorted
