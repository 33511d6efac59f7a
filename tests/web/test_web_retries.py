"""What could not be read is offered to be read again where it would be, and then is there (X15)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat.v4
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from playwright.sync_api import Locator, Page, Route, expect

from runstream import TrackingClient
from support.server_process import ServerProcess
from support.web_charts import panels_text

FILES = "**/artifacts/file?*"
ROWS = 200_000

notebooks: Any = nbformat.v4  # its functions have no types


@pytest.fixture
def run(server: ServerProcess, tmp_path: Path) -> str:
    """A run with a tag, and with files that are read in parts."""
    cell = notebooks.new_markdown_cell("So it is")
    (tmp_path / "cells.ipynb").write_text(json.dumps(notebooks.new_notebook(cells=[cell])))
    np.save(tmp_path / "array.npy", np.arange(5))
    (tmp_path / "MLmodel").write_text("flavors:\n  sklearn:\n    code: null\n")
    table = pyarrow.table({"id": np.arange(ROWS)})
    pyarrow.parquet.write_table(table, tmp_path / "rows.parquet", row_group_size=10_000)
    with TrackingClient(server.uri) as client:
        run = client.create_run("0", run_name="a").info.run_id
        client.log_artifacts(run, tmp_path)
        client.set_tag(run, "team", "red")
        client.log_metric(run, "loss", 0.5)
        client.set_terminated(run)
    return str(run)


def refuse(route: Route) -> None:
    """Answer that the server could not do it."""
    route.fulfill(status=500, json={"error_code": "INTERNAL_ERROR", "message": "it broke"})


def read_again(page: Page, pattern: str, within: Locator) -> None:
    """Try again what was refused, by the button beside the error."""
    error = within.get_by_role("alert")
    expect(error).to_contain_text("it broke")
    page.unroute(pattern)
    error.get_by_role("button", name="Try again").click()
    expect(error).to_have_count(0)


def test_a_preview_that_could_not_be_read_is_read_again(
    server: ServerProcess, page: Page, run: str
) -> None:
    for name, text in (
        ("array.npy", "int64"),
        ("cells.ipynb", "So it is"),
        ("MLmodel", "Flavour sklearn"),
    ):
        page.route(FILES, refuse)
        page.goto(f"{server.http}/#/runs/{run}?tab=artifacts&artifact={name}")
        preview = page.get_by_role("region", name="Preview of")
        expect(preview.get_by_role("heading", level=2)).to_have_text(name)
        read_again(page, FILES, preview)
        expect(preview).to_contain_text(text)


def test_rows_of_a_table_that_could_not_be_read_are_read_again(
    server: ServerProcess, page: Page, run: str
) -> None:
    page.goto(f"{server.http}/#/runs/{run}?tab=artifacts&artifact=rows.parquet")
    preview = page.get_by_role("region", name="Preview of")
    expect(preview.get_by_role("cell", name="1", exact=True)).to_be_visible()
    page.route(FILES, refuse)
    table = preview.get_by_role("region", name="Table rows.parquet")
    table.evaluate("e => { e.scrollTop = e.scrollHeight; }")
    read_again(page, FILES, preview)
    expect(preview.get_by_role("cell", name=str(ROWS - 1))).to_be_visible()


@pytest.mark.usefixtures("run")
def test_a_dialog_or_a_list_that_could_not_be_read_is_read_again(
    server: ServerProcess, page: Page
) -> None:
    page.goto(f"{server.http}/#/experiments/0?tab=table")
    page.get_by_label("Select a", exact=True).check()
    documents = "**/runstream/documents?*"
    page.route(documents, refuse)
    page.locator(".views > button").click()
    views = page.get_by_role("group", name="Saved views")
    read_again(page, documents, views)
    expect(views.get_by_role("button", name="Save as…")).to_be_visible()
    page.get_by_role("heading", level=1).click()
    expect(views).to_be_hidden()
    runs = "**/runs/search"
    page.route(runs, refuse)
    page.get_by_role("button", name="Tag").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Key").fill("team")
    read_again(page, runs, dialog)
    expect(dialog).to_contain_text("1 of 1 run has it: “red”")


@pytest.mark.usefixtures("run")
def test_a_panel_that_could_not_be_read_is_read_again(server: ServerProcess, page: Page) -> None:
    importance = "**/runs/param-importance"
    page.route(importance, refuse)
    panels = panels_text("*1;kind=importance;number=metrics.loss")
    page.goto(f"{server.http}/#/experiments/0?tab=charts&panels={panels}")
    figure = page.locator("figure.panel").filter(has=page.get_by_title("Importance for loss"))
    read_again(page, importance, figure)
    expect(figure).to_contain_text("1 run")
