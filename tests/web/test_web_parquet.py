"""What panels show as files of Parquet, read by pyarrow."""

from __future__ import annotations

import math
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Locator, Page, expect

from runstream import TrackingClient
from support.server_process import ServerProcess
from support.web_charts import choose, find_panel, panels_text

NAMES = ('a "run", with\na line', "=1+1")
BEYOND_DOUBLES = 2**53 + 1
POINTS = 300_000  # more than are written at a time


@pytest.fixture(scope="module")
def experiment(filled: tuple[ServerProcess, object]) -> tuple[str, list[str]]:
    """The address of an experiment of two runs, and their ids."""
    server, _ = filled
    with TrackingClient(server.uri) as client:
        experiment_id = client.create_experiment("parquet")
        runs = [client.create_run(experiment_id, run_name=name).info.run_id for name in NAMES]
        steps = [*range(POINTS - 1), BEYOND_DOUBLES]
        client.log_columns(runs[0], "loss", [step / 7 for step in steps], steps, [1] * POINTS)
        client.log_columns(
            runs[1], "loss", [math.nan, math.inf, -math.inf, 5e-324], [-3, 0, 1, 2], [2**53 + 1] * 4
        )
        client.log_metric(runs[1], "val/acc", 0.5, step=7, timestamp=9)
        client.log_param(runs[0], "lr", "0.1")
    return f"{server.http}/#/experiments/{experiment_id}?tab=charts", runs


def saved(page: Page, figure: Locator, entry: str, folder: Path) -> Path:
    """Return the file that an entry of the menu of a panel saves."""
    with page.expect_download() as download:
        choose(figure, entry)
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_points_of_runs_are_saved_with_all_their_digits(
    page: Page, experiment: tuple[str, list[str]], tmp_path: Path
) -> None:
    address, runs = experiment
    page.goto(address)
    path = saved(page, find_panel(page, "loss"), "Parquet", tmp_path)
    assert path.name == "loss.parquet"
    table = pq.read_table(path)
    assert [field.name for field in table.schema] == [
        "run_id", "run_name", "metric", "step", "timestamp", "value",
    ]  # fmt: skip
    assert [str(field.type) for field in table.schema][3:] == ["int64", "int64", "double"]
    rows = table.to_pylist()
    of_first = [row for row in rows if row["run_id"] == runs[0]]
    assert [row["step"] for row in of_first] == [*range(POINTS - 1), BEYOND_DOUBLES]
    assert all(row["value"] == row["step"] / 7 for row in of_first)
    assert {(row["run_name"], row["metric"], row["timestamp"]) for row in of_first} == {
        (NAMES[0], "loss", 1)
    }
    of_second = [row for row in rows if row["run_id"] == runs[1]]
    assert len(of_first) + len(of_second) == len(rows)
    assert {row["run_name"] for row in of_second} == {NAMES[1]}
    assert [row["timestamp"] for row in of_second] == [2**53 + 1] * 4
    assert math.isnan(of_second[0]["value"])
    values = [(row["step"], row["value"]) for row in of_second[1:]]
    assert values == [(0, math.inf), (1, -math.inf), (2, 5e-324)]


def test_what_other_panels_show_is_saved_as_a_table(
    page: Page, experiment: tuple[str, list[str]], tmp_path: Path
) -> None:
    address, runs = experiment
    panels = panels_text("*1;kind=table;of=params.lr|metrics.val/acc;title=Numbers")
    page.goto(f"{address}&panels={panels}")
    figure = page.get_by_role("figure", name="Numbers")
    rows = pq.read_table(saved(page, figure, "Parquet", tmp_path)).to_pylist()
    assert len(rows) == 2
    by_id = {row.pop("run_id"): row for row in rows}
    assert by_id[runs[0]] == {"run_name": NAMES[0], "lr": "0.1", "val/acc": None}
    assert by_id[runs[1]] == {"run_name": NAMES[1], "lr": None, "val/acc": 0.5}


def test_what_the_server_refuses_is_said_and_nothing_is_saved(
    page: Page, experiment: tuple[str, list[str]]
) -> None:
    page.goto(experiment[0])
    figure = find_panel(page, "val/acc")
    page.context.route(
        "**/metrics/history/stream?*",
        lambda route: route.fulfill(
            content_type="application/x-ndjson",
            body='{"error_code": "DATA_LOSS", "message": "a chunk is damaged"}\n',
        ),
    )
    choose(figure, "Parquet")
    expect(page.get_by_text("a chunk is damaged")).to_be_visible()
