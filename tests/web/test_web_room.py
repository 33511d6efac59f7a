"""Pages with long names, many columns and nested runs: there is room for all, or it scrolls."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from runstream import TrackingClient
from support.server_process import ServerProcess

EXPERIMENT = "ablation of patch size, depth and width with a name that is as long as some are"
WIDE: ViewportSize = {"width": 1440, "height": 900}
OPTIMIZERS = ("adam", "sgd")


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, list[str]]]:
    """The address of a server and an experiment, and runs whose parents logged no metrics."""
    server = ServerProcess(
        tmp_path_factory.mktemp("room") / "runs.db", {"RUNSTREAM_HTTP_PORT": "0"}
    )
    with TrackingClient(server.uri) as client:
        experiment = client.create_experiment(EXPERIMENT)
        runs = []
        for number in range(12):
            parent = client.create_run(experiment, run_name=f"sweep {number}").info.run_id
            tags = {"mlflow.parentRunId": parent}
            run = client.create_run(experiment, run_name=f"child {number}", tags=tags).info.run_id
            client.log_params(run, {"depth": 12, "optimizer": OPTIMIZERS[number % 2]})
            client.log_metric(run, "val/accuracy_of_all", 1.0 / (number + 1))
            for one in (run, parent):
                client.set_terminated(one)
            runs.append(run)
    yield f"{server.http}/#", f"/experiments/{experiment}", runs
    server.stop()


def is_within(page: Page) -> bool:
    """Return whether the page is no wider than its window."""
    within: bool = page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    return within


def test_runs_whose_child_runs_have_the_metrics_lead_to_them(
    sweep: tuple[str, str, list[str]], page: Page
) -> None:
    root, experiment, _ = sweep
    page.goto(f"{root}{experiment}")
    expect(page.get_by_text("These runs have logged no metrics yet.")).to_be_visible()
    page.get_by_role("button", name="Show their child runs").click()
    expect(page.get_by_role("checkbox", name="Fold child runs")).not_to_be_checked()
    expect(page.locator("figure.panel").first).to_be_visible()


def test_the_menu_of_views_stays_on_the_screen(
    sweep: tuple[str, str, list[str]], page: Page
) -> None:
    root, experiment, _ = sweep
    page.set_viewport_size(WIDE)
    page.goto(f"{root}{experiment}")
    page.get_by_role("button", name="Views").click()
    menu = page.get_by_role("group", name="Saved views")
    expect(menu.get_by_role("button", name="Copy link")).to_be_visible()
    box = menu.bounding_box()
    assert box
    assert box["x"] + box["width"] <= WIDE["width"]
    assert is_within(page)


def test_above_groups_are_no_settings_that_change_nothing_and_their_names_are_cut_at_the_end(
    sweep: tuple[str, str, list[str]], page: Page
) -> None:
    root, experiment, _ = sweep
    page.set_viewport_size(WIDE)
    page.goto(f"{root}{experiment}?groups=params.depth,params.optimizer")
    bar = page.locator(".chart-bar")
    expect(bar.get_by_label("Band around groups")).to_be_visible()
    first, last = (bar.locator(":scope > *").nth(at).bounding_box() for at in (0, -1))
    assert first
    assert last
    assert abs(first["y"] - last["y"]) < first["height"]  # all are in one line
    # The charts, which are loaded later, leave what is above them as it was.
    expect(page.locator(".group-by .chip").first).to_have_css("border-radius", "5px")
    expect(page.get_by_role("slider", name="Smoothing")).to_have_count(0)
    page.get_by_role("button", name="More", exact=True).click()
    expect(page.get_by_role("slider", name="Smoothing")).to_be_visible()
    depth = page.locator(".group-value").first
    expect(depth).to_have_text("12")
    value, room = depth.bounding_box(), page.locator(".group-values").first.bounding_box()
    assert value
    assert room
    assert value["x"] + value["width"] <= room["x"] + room["width"]


def test_many_runs_side_by_side_scroll_in_their_table(
    sweep: tuple[str, str, list[str]], page: Page
) -> None:
    root, _, runs = sweep
    page.goto(f"{root}/compare?runs={','.join(runs)}")
    table = page.get_by_role("region", name="Comparison")
    expect(table.locator(".best")).to_have_count(1)
    assert table.evaluate("one => one.scrollWidth > one.clientWidth")
    assert is_within(page)
    page.set_viewport_size({"width": 400, "height": 800})
    assert is_within(page)
