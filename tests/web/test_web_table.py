"""The table of an experiment's runs."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from urllib.parse import unquote

from playwright.sync_api import BrowserContext, Locator, Page, Route, expect

from runstream import TrackingClient
from support.held_requests import wait_for_requests
from support.server_process import ServerProcess
from support.web_content import MARKUP, SWEEP, Content

See = Callable[[str], Page]

FIRST_LAST = [f"{name}-{rate}" for rate, name in reversed(SWEEP)]


def names(page: Page) -> Locator:
    return page.locator(".row .name a")


def cell(page: Page, run: str, column: str) -> Locator:
    """The cell of a run under a head."""
    heads = page.get_by_role("columnheader")
    expect(heads.filter(has_text=column).first).to_be_visible()
    titles = [text.strip(" ↑↓\n") for text in heads.all_inner_texts()]
    line = page.get_by_role("row").filter(has=page.get_by_role("link", name=run, exact=True))
    return line.get_by_role("gridcell").nth(titles.index(column))


def test_child_runs_are_folded_under_their_parents(see: See, content: Content) -> None:
    page = see(f"/experiments/{content.experiment_id}")
    expect(names(page)).to_have_text([MARKUP, "sweep"])
    page.get_by_role("button", name="Unfold 5 child runs").click()
    expect(names(page)).to_have_text([MARKUP, "sweep", *FIRST_LAST])
    level = page.get_by_role("row", level=2).first
    expect(level.get_by_role("link")).to_have_text(FIRST_LAST[0])
    page.get_by_role("button", name="Fold 5 child runs").click()
    expect(names(page)).to_have_count(2)
    page.get_by_label("Fold child runs").uncheck()
    expect(names(page)).to_have_count(7)
    assert "flat=1" in page.url


def test_columns_show_metrics_params_times_who_and_source(see: See, content: Content) -> None:
    columns = "params.lr,metrics.val/loss,minimum.val/loss,maximum.val/loss,status,tags.mlflow.user"
    columns += ",tags.mlflow.source.name"
    page = see(
        f"/experiments/{content.experiment_id}?tab=table&flat=1&columns={columns},start_time,duration"
    )
    expect(cell(page, "adam-0.3", "lr")).to_have_text("0.3")
    last, least, greatest = (
        float(cell(page, "adam-0.3", f"val/loss{end}").inner_text())
        for end in ("", " (min)", " (max)")
    )
    assert least <= last < greatest
    expect(cell(page, "adam-0.3", "Status")).to_contain_text("Finished")
    expect(cell(page, "rmsprop-0.003", "Status")).to_contain_text("Failed")
    expect(cell(page, "adam-0.3", "mlflow.user")).to_have_text("ada")
    expect(cell(page, "adam-0.3", "Source")).to_have_text("train.py")
    expect(cell(page, "adam-0.3", "Started")).to_have_text(
        re.compile(r"\w+ \d+, \d{4}, \d\d:\d\d:\d\d\s[AP]M")
    )
    expect(cell(page, "adam-0.3", "Duration")).to_have_text(re.compile(r"ms|s"))


def test_any_column_sorts_up_down_and_not_at_all(see: See, content: Content) -> None:
    columns = "metrics.val/loss,minimum.val/loss,params.optimizer,duration"
    page = see(f"/experiments/{content.experiment_id}?tab=table&flat=1&columns={columns}")
    by_loss = [f"{name}-{rate}" for rate, name in SWEEP]
    for column in ("val/loss", "val/loss (min)"):
        head = page.get_by_role("columnheader", name=column, exact=True)
        head.get_by_role("button").click()
        expect(names(page).nth(0)).to_have_text(by_loss[0])
        expect(page.locator("[aria-sort=ascending]")).to_contain_text(column)
        assert names(page).all_inner_texts()[:5] == by_loss
        page.locator("[aria-sort=ascending] .title").click()
        expect(names(page).nth(0)).to_have_text(by_loss[-1])
        assert names(page).all_inner_texts()[:5] == by_loss[::-1]
        page.locator("[aria-sort=descending] .title").click()
        expect(names(page).nth(0)).to_have_text(MARKUP)
        assert "sort" not in page.url
    page.get_by_role("columnheader", name="optimizer").get_by_role("button").click()
    expect(names(page).nth(0)).to_have_text(re.compile("adam"))
    page.get_by_role("columnheader", name="Run", exact=True).get_by_role("button").click()
    expect(names(page).nth(0)).to_have_text(MARKUP)
    expect(names(page).nth(1)).to_have_text("adam-0.1")


def test_a_filter_is_completed_and_applied(see: See, content: Content) -> None:
    page = see(f"/experiments/{content.experiment_id}")
    box = page.get_by_role("combobox", name="Filter runs")
    options = page.get_by_role("listbox", name="Completions").get_by_role("option")
    box.press_sequentially("val/l")
    expect(options.first).to_have_text("metrics.val/loss")
    box.press("Tab")
    expect(box).to_have_value("metrics.val/loss ")
    box.press_sequentially("< 0.9 AND opti")
    expect(options.first).to_have_text("params.optimizer")
    box.press("ArrowDown")
    box.press("Enter")
    box.press_sequentially("= 'adam'")
    box.press("Enter")
    expect(names(page)).to_have_text(["adam-0.1", "adam-0.3"])
    assert "metrics.val/loss < 0.9 AND params.optimizer = 'adam'" in unquote(
        page.url.replace("+", " ")
    )


def test_an_error_of_the_filter_stands_under_its_column(see: See, content: Content) -> None:
    page = see(f"/experiments/{content.experiment_id}?tab=table&filter=metrics.loss <> AND")
    box = page.get_by_role("combobox", name="Filter runs")
    error = page.locator(".filter-error")
    expect(error).to_contain_text("Column 17: In place of 'AND' comes a value: a number, a text")
    expect(box).to_have_attribute("aria-invalid", "true")
    start, end = (
        page.evaluate(
            """([text, selector]) => {
              const box = document.querySelector(selector);
              const style = getComputedStyle(box);
              const pen = document.createElement("canvas").getContext("2d");
              pen.font = style.font;
              const left = box.getBoundingClientRect().left + parseFloat(style.paddingLeft) + 1;
              return left + pen.measureText(text).width;
            }""",
            [text, ".filter input"],
        )
        for text in ("metrics.loss <> ", "metrics.loss <> A")
    )
    arrow = error.locator(".arrow span").bounding_box()
    assert arrow
    assert start - 2 <= arrow["x"] <= end
    box.fill("metrics.spiky > 0")
    expect(error).to_have_count(0)
    box.press("Enter")
    expect(names(page)).to_have_text([MARKUP])


def test_columns_are_found_among_thousands(server: ServerProcess, page: Page) -> None:
    with TrackingClient(server.uri) as client:
        run = client.create_run("0", run_name="wide").info.run_id
        client.log_batch(run, params={f"group{i % 7}/param {i}": str(i) for i in range(3_000)})
        client.log_metric(run, "accuracy", 0.5, step=1)
        client.log_metric(run, "accuracy", 0.25, step=2)
    page.goto(f"{server.http}/#/experiments/0?tab=table")
    page.get_by_role("button", name="Columns").click()
    dialog = page.get_by_role("dialog", name="Columns")
    assert dialog.locator(".choice").count() < 60
    dialog.get_by_role("searchbox").fill("group3 2999")
    expect(dialog.get_by_role("status")).to_contain_text("1 found")
    dialog.get_by_role("searchbox").fill("param 2998")
    dialog.get_by_label("params.group2/param 2998").check()
    dialog.get_by_role("searchbox").fill("accuracy")
    dialog.get_by_label("maximum.accuracy max").check()
    dialog.get_by_role("button", name="Close").click()
    page.get_by_role("treegrid").evaluate("grid => grid.scrollTo(grid.scrollWidth, 0)")
    expect(cell(page, "wide", "group2/param 2998")).to_have_text("2998")
    expect(cell(page, "wide", "accuracy (max)")).to_have_text("0.5")
    # A key with a space is put in quotes where it is ordered by.
    page.get_by_role("columnheader", name="group2/param 2998").get_by_role("button").click()
    expect(names(page)).to_have_text(["wide"])


def test_a_link_shows_a_colleague_the_same(
    see: See, content: Content, context: BrowserContext
) -> None:
    page = see(
        f"/experiments/{content.experiment_id}?tab=table&flat=1&columns=params.lr,metrics.val/loss"
    )
    box = page.get_by_role("combobox", name="Filter runs")
    box.fill("params.lr != '0.1'")
    box.press("Enter")
    page.get_by_role("columnheader", name="val/loss").get_by_role("button").click()
    expect(names(page)).to_have_text(["adam-0.3", "sgd-0.03", "sgd-0.01", "rmsprop-0.003"])
    page.get_by_label("Select sgd-0.03").check()
    page.get_by_label("Select adam-0.3").check()
    colleague = context.new_page()
    colleague.goto(page.url)
    expect(names(colleague)).to_have_text(names(page).all_inner_texts())
    expect(colleague.locator(".filter .chip .what")).to_have_text(["params.lr != '0.1'"])
    heads = [text.strip(" ↑↓\n") for text in colleague.locator(".head .cell").all_inner_texts()]
    assert heads == ["Run", "lr", "val/loss"]
    expect(colleague.locator("[aria-sort=ascending]")).to_contain_text("val/loss")
    expect(colleague.get_by_label("Select sgd-0.03")).to_be_checked()
    expect(colleague.get_by_label("Select adam-0.1")).to_have_count(0)
    expect(colleague.get_by_text("2 runs selected")).to_be_visible()


def test_what_is_shown_is_exported_as_csv(see: See, content: Content) -> None:
    columns = "params.lr,metrics.val/loss,status"
    page = see(
        f"/experiments/{content.experiment_id}?tab=table&flat=1&columns={columns}&sort=metrics.val/loss"
    )
    expect(names(page)).to_have_count(7)
    with page.expect_download() as download:
        page.get_by_role("button", name="Export CSV").click()
    with open(download.value.path(), newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["Run id", "Run", "lr", "val/loss", "Status"]
    assert [row[1] for row in rows[1:6]] == [f"{name}-{rate}" for rate, name in SWEEP]
    assert rows[1][0] == content.runs[0]
    assert rows[1][2] == "0.3"
    assert 0 < float(rows[1][3]) < 1
    assert MARKUP in [row[1] for row in rows]


def test_an_export_waits_until_the_list_is_read(see: See, page: Page, content: Content) -> None:
    held: list[Route] = []
    page.route("**/watch/get-position", lambda route: held.append(route), times=1)
    with page.expect_request("**/watch/get-position"):
        see(f"/experiments/{content.experiment_id}?tab=table&flat=1&sort=metrics.val/loss")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export CSV").click()
        wait_for_requests(page)
        held[0].continue_()
    with open(download.value.path(), newline="") as file:
        rows = list(csv.reader(file))
    assert len(rows) == 1 + 7
    assert {"lr", "optimizer", "val/loss"} <= set(rows[0])  # columns that the runs decide


def test_many_runs_are_all_there_and_few_are_made(server: ServerProcess, page: Page) -> None:
    with TrackingClient(server.uri) as client:
        for number in range(1_500):
            client.create_run("0", run_name=f"run {number}", start_time=1 + number)
    page.goto(f"{server.http}/#/experiments/0?tab=table&columns=status,start_time")
    expect(page.get_by_text("1,500 runs")).to_be_visible()
    expect(names(page).first).to_have_text("run 1499")
    grid = page.get_by_role("treegrid")
    expect(grid).to_have_attribute("aria-rowcount", "1501")
    grid.evaluate("grid => grid.scrollTo(0, grid.scrollHeight)")
    expect(page.get_by_role("link", name="run 0", exact=True)).to_be_in_viewport()
    assert page.locator(".row").count() < 80


def test_what_is_logged_moves_in_the_table(server: ServerProcess, page: Page) -> None:
    with TrackingClient(server.uri) as client:
        run = client.create_run("0", run_name="first").info.run_id
        client.log_metric(run, "loss", 5.0, step=0)
        client.flush()
        page.goto(
            f"{server.http}/#/experiments/0?tab=table&columns=metrics.loss,minimum.loss,status"
        )
        expect(cell(page, "first", "loss")).to_have_text("5")
        client.log_metric(run, "loss", 1.0, step=1)
        client.log_metric(run, "loss", 2.0, step=2)
        client.flush()
        expect(cell(page, "first", "loss")).to_have_text("2")
        expect(cell(page, "first", "loss (min)")).to_have_text("1")
        client.create_run("0", run_name="second")
        expect(names(page)).to_have_text(["second", "first"])
        client.set_terminated(run)
        expect(cell(page, "first", "Status")).to_contain_text("Finished")


def test_new_runs_wait_where_somebody_chose_an_order(server: ServerProcess, page: Page) -> None:
    with TrackingClient(server.uri) as client:
        client.create_run("0", run_name="b")
        page.goto(f"{server.http}/#/experiments/0?sort=run_name")
        expect(names(page)).to_have_text(["b"])
        client.create_run("0", run_name="a")
        page.get_by_role("button", name="Show 1 new run").click()
        expect(names(page)).to_have_text(["a", "b"])
