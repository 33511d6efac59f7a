"""Runs side by side."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from runstream import TrackingClient
from support.server_process import ServerProcess
from support.web_content import STEPS, Content

See = Callable[[str], Page]


def test_params_that_differ_come_first_and_the_best_metrics_are_marked(
    see: See, content: Content
) -> None:
    page = see(f"/compare?runs={','.join(content.runs[:3])}")
    heads = page.get_by_role("columnheader")
    expect(heads).to_have_text(["adam-0.3", "adam-0.1", "sgd-0.03"])
    rows = page.locator("tbody th[scope=row]").all_inner_texts()
    assert [row for row in rows if row in ("lr", "optimizer", "layers")] == [
        "lr",
        "optimizer",
        "layers",
    ]
    loss = page.get_by_role("row", name="val/loss")
    accuracy = page.get_by_role("row", name="val/accuracy")
    for row in (loss, accuracy):
        expect(row.locator("td.best")).to_have_count(1)
        expect(row.get_by_role("cell").first).to_contain_text("(best)")
    # A name does not say for certain which way is better.
    loss.get_by_role("button", name="val/loss: less is better; turn round").click()
    expect(loss.get_by_role("cell").nth(2)).to_contain_text("(best)")
    page.get_by_label("Only what differs").check()
    expect(page.get_by_role("row", name="layers")).to_have_count(0)
    assert "differing=1" in page.url


def test_metrics_that_differ_in_a_late_digit_differ(server: ServerProcess, page: Page) -> None:
    with TrackingClient(server.uri) as client:
        ids = [client.create_run("0", run_name=f"r{i}").info.run_id for i in range(2)]
        for i, run in enumerate(ids):
            client.log_metric(run, "accuracy", 0.912345 + i * 1e-9)
            client.log_metric(run, "same", 1 / 3)
    page.goto(f"{server.http}/#/compare?runs={','.join(ids)}&differing=1")
    row = page.get_by_role("row", name="accuracy")
    expect(row.locator("td.best")).to_have_attribute("title", str(0.912345 + 1e-9))
    expect(page.get_by_role("row", name="same")).to_have_count(0)


def test_charts_lay_the_runs_over_each_other(see: See, content: Content) -> None:
    page = see(f"/compare?tab=charts&runs={','.join(content.runs[:2])}")
    figure = page.get_by_role("figure", name="train/loss, 2 runs")
    figure.scroll_into_view_if_needed()
    figure.locator(f".plot[data-points='{2 * STEPS}']").wait_for()


def test_artifacts_that_differ_are_listed(see: See, content: Content) -> None:
    page = see(f"/compare?tab=artifacts&runs={','.join(content.runs[:2])}")
    expect(page.locator("tbody th")).to_have_text(
        ["summary.jsonDifferences"]
    )  # and not `labels.txt`


def test_a_hundred_runs_are_compared_and_no_more(server: ServerProcess, page: Page) -> None:
    with TrackingClient(server.uri) as client:
        ids = [client.create_run("0", run_name=f"r{i}").info.run_id for i in range(101)]
        for i, run in enumerate(ids):
            client.log_metric(run, "score", float(i))
    page.goto(f"{server.http}/#/compare?runs={','.join(ids[:100])}")
    expect(page.get_by_role("columnheader")).to_have_count(100)
    expect(page.get_by_role("row", name="score").locator("td.best")).to_contain_text("99")
    page.goto(f"{server.http}/#/compare?runs={','.join(ids)}")
    expect(page.get_by_text("Select 2 to 100 runs")).to_be_visible()


def test_the_selection_of_the_table_leads_here(see: See, content: Content) -> None:
    page = see(f"/experiments/{content.experiment_id}?tab=table&flat=1")
    page.get_by_label("Select adam-0.3").check()
    expect(page.get_by_role("button", name="Compare")).to_be_disabled()
    page.get_by_label("Select adam-0.1").check()
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("columnheader")).to_have_text(["adam-0.3", "adam-0.1"])
