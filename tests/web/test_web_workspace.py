"""The workspace of an experiment: runs and charts side by side, and what is remembered of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from urllib.parse import unquote

from playwright.sync_api import Locator, Page, Route, expect

from support.web_content import EXPERIMENT, Content

See = Callable[[str], Page]


def drawn(page: Page) -> Locator:
    """The runs that the charts show."""
    return page.locator(".legend[aria-label=Runs] button")


def test_eyes_show_and_hide_runs_in_the_charts(see: See, content: Content) -> None:
    some = ",".join(content.runs[:2])
    page = see(f"/experiments/{content.experiment_id}?flat=1&selected={some}")
    expect(drawn(page)).to_have_text(["adam-0.3", "adam-0.1"])
    page.get_by_role("button", name="Draw adam-0.1").click()
    expect(drawn(page)).to_have_text(["adam-0.3"])
    page.get_by_role("button", name="Draw sgd-0.03").click()
    expect(drawn(page)).to_have_text(["adam-0.3", "sgd-0.03"])
    page.reload()
    expect(drawn(page)).to_have_text(["adam-0.3", "sgd-0.03"])
    expect(page.get_by_text("2 of 7 drawn")).to_be_visible()
    page.get_by_role("button", name="Hide all").click()
    expect(page.get_by_text("No run is shown.")).to_be_visible()
    page.get_by_role("button", name="Draw sgd-0.01").click()
    expect(drawn(page)).to_have_text(["sgd-0.01"])
    page.get_by_role("button", name="Show all found").click()
    expect(drawn(page)).to_have_count(6)
    page.get_by_role("button", name="Default", exact=True).click()
    expect(drawn(page)).to_have_text(["adam-0.3", "adam-0.1"])
    assert not re.search("eyes|hidden|shown", page.url)


def test_the_list_is_widened_into_the_table(see: See, content: Content) -> None:
    page = see(f"/experiments/{content.experiment_id}?flat=1&sort=metrics.val/loss")
    heads = page.get_by_role("columnheader")
    expect(heads).to_have_text([re.compile("Run"), re.compile("val/loss")])
    line = page.get_by_role("separator", name="Width of the list of runs")
    narrow = int(line.get_attribute("aria-valuenow") or 0)
    line.focus()
    page.keyboard.press("ArrowRight")
    expect(line).not_to_have_attribute("aria-valuenow", str(narrow))
    place = line.bounding_box()
    assert place
    page.mouse.move(place["x"] + 4, place["y"] + 50)
    page.mouse.down()
    page.mouse.move(800, place["y"] + 50, steps=4)
    page.mouse.up()
    expect(heads.filter(has_text="Started")).to_be_visible()
    assert re.search(r"list=7\d\d", page.url)
    page.get_by_role("button", name="Widen into the table").click()
    expect(line).to_have_count(0)
    expect(page.locator("figure.panel")).to_have_count(0)
    assert "tab=table" in page.url
    expect(page.get_by_role("button", name="Draw adam")).to_have_count(0)
    page.get_by_role("tab", name="Workspace").click()
    expect(page.locator("figure.panel").first).to_be_visible()


def test_what_was_set_up_is_there_again_until_it_is_reset(see: See, content: Content) -> None:
    home = f"/experiments/{content.experiment_id}"
    page = see(f"{home}?saved=none")
    page.get_by_label("Fold child runs").uncheck()
    box = page.get_by_role("combobox", name="Filter runs")
    box.fill("params.optimizer = 'sgd'")
    box.press("Enter")
    rows = page.locator(".row .name a")
    expect(rows).to_have_text(["sgd-0.01", "sgd-0.03"])
    rows.first.click()
    page.get_by_role("navigation", name="Breadcrumbs").get_by_role("link", name=EXPERIMENT).click()
    expect(rows).to_have_text(["sgd-0.01", "sgd-0.03"])
    page.get_by_role("link", name="Experiments").first.click()
    page.reload()  # what is remembered is not only in the memory of this page
    page.get_by_role("link", name=EXPERIMENT).click()
    expect(rows).to_have_text(["sgd-0.01", "sgd-0.03"])
    assert "params.optimizer = 'sgd'" in unquote(page.url.replace("+", " "))
    page.get_by_role("button", name="Reset").click()
    expect(rows).to_have_count(2)
    expect(rows.last).to_have_text("sweep")
    see("/")
    see(home)
    expect(rows.last).to_have_text("sweep")


def test_on_a_phone_the_list_is_folded_above_the_charts(
    see: See, page: Page, content: Content
) -> None:
    page.set_viewport_size({"width": 400, "height": 800})
    see(f"/experiments/{content.experiment_id}?flat=1")
    expect(page.locator("figure.panel").first).to_be_visible()
    expect(page.get_by_role("treegrid")).to_have_count(0)
    page.get_by_role("button", name=re.compile(r"^\S Runs$")).click()
    expect(page.get_by_role("link", name="adam-0.3")).to_be_visible()
    page.get_by_role("button", name="Draw adam-0.3").click()
    expect(drawn(page).filter(has_text="adam-0.3")).to_have_count(0)


def test_all_runs_are_sorted_where_parents_are_folded(see: See, content: Content) -> None:
    page = see(f"/experiments/{content.experiment_id}?sort=metrics.val/loss")
    expect(page.get_by_text("2 at the top, 7 runs")).to_be_visible()
    page.get_by_role("button", name="Sort all runs").click()
    expect(page.locator(".row .name a").first).to_have_text("adam-0.3")
    expect(page.get_by_label("Fold child runs")).not_to_be_checked()


def test_rows_wait_for_no_charts_and_what_is_still_loaded_takes_nothing_away(
    see: See, page: Page, content: Content
) -> None:
    held: dict[str, Route] = {}
    for part in ("MetricCharts", "RunActions", "ColumnPicker", "KeyboardHelp"):
        page.route(f"**/assets/{part}-*.js", partial(held.setdefault, part))
    see(f"/experiments/{content.experiment_id}?flat=1")
    rows = page.locator(".row .name a")
    expect(rows).to_have_count(7)
    expect(page.get_by_role("region", name="Charts")).to_have_text("Loading…")
    page.get_by_label("Select adam-0.1").check()
    columns = page.get_by_role("button", name="Columns")
    columns.click()
    expect(rows).to_have_count(7)
    held["RunActions"].continue_()
    expect(page.get_by_role("toolbar", name="Selected runs")).to_contain_text("1 run selected")
    held["MetricCharts"].continue_()
    expect(drawn(page)).to_have_text(["adam-0.1"])
    dialog = page.get_by_role("dialog")
    expect(dialog).to_have_count(0)
    held["ColumnPicker"].continue_()
    expect(dialog.get_by_role("button", name="Close")).to_be_focused()
    dialog.get_by_role("button", name="Close").click()
    expect(columns).to_be_focused()
    keys = page.get_by_role("button", name="Keys")
    with page.expect_request("**/assets/KeyboardHelp-*.js"):
        keys.click()
    expect(drawn(page)).to_have_text(["adam-0.1"])
    held["KeyboardHelp"].continue_()
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(keys).to_be_focused()
