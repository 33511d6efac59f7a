"""Groups of runs in the table: unfolded, selected and exported."""

from __future__ import annotations

import csv
import random

import pytest
from playwright.sync_api import Page, expect

from runstream import TrackingClient
from support.server_process import ServerProcess

RUNS = 12


@pytest.fixture
def experiment(server: ServerProcess) -> str:
    """An experiment with runs of three learning rates, of which one has no loss."""
    with TrackingClient(server.uri) as client:
        experiment_id = client.create_experiment("grouped")
        for i in range(RUNS):
            run = client.create_run(experiment_id, start_time=i + 1, run_name=f"r{i}")
            client.log_param(run.info.run_id, "lr", ("0.1", "0.02", "10")[i % 3])
            client.log_param(run.info.run_id, "same", "yes")
            client.log_param(run.info.run_id, "seed", str(i))
            client.log_metric(run.info.run_id, "val/loss", i)
            client.log_metric(run.info.run_id, "system/cpu", random.random())
    return experiment_id


def test_a_group_unfolds_into_its_runs_and_shows_what_they_have(
    server: ServerProcess, page: Page, experiment: str
) -> None:
    columns = "metrics.val/loss,params.same,params.seed"
    page.goto(f"{server.http}/#/experiments/{experiment}?tab=table&columns={columns}")
    page.get_by_label("Group by").fill("params.lr")
    page.get_by_label("Group by").press("Enter")
    groups = page.locator(".row.grouped")
    expect(groups.locator(".name")).to_have_text(["▸lr 0.024", "▸lr 0.14", "▸lr 104"])
    cells = groups.nth(0).get_by_role("gridcell")
    expect(cells.nth(1)).to_have_text("5.5")
    expect(cells.nth(2)).to_have_text("yes")
    expect(cells.nth(3)).to_have_text("4 values")
    page.get_by_label("Shown of groups").select_option("maximum")
    expect(cells.nth(1)).to_have_text("10")
    grid = page.get_by_role("treegrid")
    grid.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("row", level=2)).to_have_count(4)
    expect(page.locator(".row a")).to_have_text(["r9", "r6", "r3", "r0"])
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".row a")).to_have_count(0)
    page.get_by_role("button", name="val/loss", exact=True).click()
    page.get_by_role("button", name="val/loss", exact=True).click()
    expect(groups.nth(0)).to_contain_text("10")
    assert "groups=params.lr" in page.url
    assert "statistic=maximum" in page.url


def test_a_group_is_selected_as_a_whole_and_groups_are_exported(
    server: ServerProcess, page: Page, experiment: str
) -> None:
    address = "?tab=table&groups=params.lr&columns=metrics.val/loss,params.seed"
    page.goto(f"{server.http}/#/experiments/{experiment}{address}")
    box = page.get_by_role("checkbox", name="Select the 4 runs of lr 0.1")
    box.click()
    expect(page.get_by_text("4 runs selected")).to_be_visible()
    expect(box).to_be_checked()
    page.get_by_role("checkbox", name="Select all runs found").click()
    expect(page.get_by_text(f"{RUNS} runs selected")).to_be_visible()
    page.get_by_role("checkbox", name="Select all runs found").click()
    expect(page.get_by_text("runs selected")).to_have_count(0)
    with page.expect_download() as download:
        page.get_by_role("button", name="Export CSV").click()
    with open(download.value.path(), newline="") as file:
        head, *rows = csv.reader(file)
    assert head == ["lr", "Runs", "val/loss (mean)", "seed"]
    assert rows == [
        ["0.02", "4", "5.5", "4 values"],
        ["0.1", "4", "4.5", "4 values"],
        ["10", "4", "6.5", "4 values"],
    ]


def test_numbers_of_groups_have_the_units_of_their_keys(server: ServerProcess, page: Page) -> None:
    with TrackingClient(server.uri) as client:
        for size in (1e9, 2e9):
            run = client.create_run(tags={"team": "vision"}).info.run_id
            client.log_metrics(run, {"peak_bytes": size, "epoch_seconds": 150, "gpu_percent": 50})
            client.log_metrics(run, {"system/disk_megabytes": 2500, "system/cpu_percentage": 75})
    columns = (
        "metrics.peak_bytes,metrics.epoch_seconds,metrics.gpu_percent,"
        "metrics.system/disk_megabytes,metrics.system/cpu_percentage"
    )
    page.goto(f"{server.http}/#/experiments/0?tab=table&groups=tags.team&columns={columns}")
    cells = page.locator(".row.grouped").get_by_role("gridcell")
    expect(cells.nth(1)).to_have_text("1.50 GB")
    expect(cells.nth(2)).to_have_text("2 min 30 s")
    expect(cells.nth(3)).to_have_text("50 %")
    expect(cells.nth(4)).to_have_text("2.50 GB")
    expect(cells.nth(5)).to_have_text("75 %")
