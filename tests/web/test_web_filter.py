"""The filter of an experiment: chips, words, completion, quick and saved filters, and hints."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from runstream import TrackingClient
from support.server_process import ServerProcess
from support.web_content import Content

See = Callable[[str], Page]


def names(page: Page) -> Locator:
    return page.locator(".row .name a")


def field(page: Page) -> Locator:
    return page.get_by_role("combobox", name="Filter runs")


def chips(page: Page) -> Locator:
    return page.locator(".filter .chip .what")


def filter_of(page: Page) -> str:
    """The filter that the address has."""
    query = parse_qs(urlsplit(urlsplit(page.url).fragment).query)
    return query.get("filter", [""])[0]


def test_words_are_parts_of_the_name_and_conditions_are_chips(see: See, content: Content) -> None:
    page = see(f"/experiments/{content.experiment_id}?tab=table")
    box = field(page)
    box.press_sequentially("ADAM 0.3 params.lr < 1")
    box.press("Escape")
    box.press("Enter")
    expect(names(page)).to_have_text(["adam-0.3"])
    expect(chips(page)).to_have_text(["name: ADAM", "name: 0.3", "params.lr < 1"])
    assert filter_of(page) == (
        "run_name ILIKE '%ADAM%' AND run_name ILIKE '%0.3%' AND params.lr < 1"
    )
    page.get_by_role("button", name="Remove name: 0.3").click()
    expect(names(page)).to_have_text(["adam-0.1", "adam-0.3"])
    # A chip is changed in the field, and stands where it stood.
    page.get_by_role("button", name="Edit name: ADAM").click()
    expect(box).to_have_value("run_name ILIKE '%ADAM%'")
    box.fill("sgd OR NOT adam")
    box.press("Enter")
    expect(names(page)).to_have_text(["rmsprop-0.003", "sgd-0.01", "sgd-0.03"])
    expect(chips(page).last).to_have_text("params.lr < 1")
    # Backspace takes the last one back into the field.
    box.press("Backspace")
    expect(box).to_have_value("params.lr < 1")
    box.fill("params.lr = 0.010")
    box.press("Enter")
    expect(names(page)).to_have_text(["sgd-0.01"])
    box.fill("_-0")
    box.press("Enter")
    expect(chips(page).last).to_have_text("name: _-0")
    expect(names(page)).to_have_count(0)  # an underscore is no wildcard here


def test_keys_operators_and_values_are_completed(see: See, content: Content) -> None:
    page = see(f"/experiments/{content.experiment_id}?tab=table")
    box, list_ = field(page), page.get_by_role("listbox", name="Completions")
    options = list_.get_by_role("option")
    box.press_sequentially("opti")
    expect(options.first).to_have_text("params.optimizer")
    box.press("Tab")
    expect(options.first).to_have_text("=")
    box.press("ArrowDown")
    expect(box).to_have_attribute("aria-activedescendant", options.first.get_attribute("id") or "")
    box.press("Enter")
    expect(options).to_have_text(["adam2 runs", "sgd2 runs", "rmsprop1 run"])
    expect(box).to_have_attribute("aria-expanded", "true")
    box.press_sequentially("'RM")
    expect(options).to_have_text(["rmsprop1 run"])
    box.press("Tab")
    expect(box).to_have_value("params.optimizer = 'rmsprop' ")
    box.press("Enter")
    expect(names(page)).to_have_text(["rmsprop-0.003"])
    # Numbers of params are compared as numbers, and their range is told.
    box.press_sequentially("lr")
    expect(options.first).to_have_text("params.lr")
    box.press("Tab")
    box.press_sequentially("<= ")
    expect(page.locator(".completions .range")).to_have_text("Values: 0.003 to 0.3")
    page.get_by_role("option", name="0.003").click()
    expect(box).to_have_value("params.lr <= 0.003 ")
    box.press("Enter")
    expect(chips(page)).to_have_text(["params.optimizer = 'rmsprop'", "params.lr <= 0.003"])
    box.press_sequentially("start_time > ")
    expect(options.first).to_contain_text("now - 1d")
    box.press("ArrowDown")
    box.press("ArrowDown")
    box.press("Enter")
    box.press("Enter")
    expect(chips(page).last).to_have_text("Last 7 days")
    expect(names(page)).to_have_text(["rmsprop-0.003"])
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_a_mistake_is_told_under_its_column_and_mended_there(see: See, content: Content) -> None:
    page = see(f"/experiments/{content.experiment_id}?tab=table&filter=params.lr > 0.01")
    expect(names(page)).to_have_count(3)
    box, error = field(page), page.locator(".filter-error")
    box.fill("metrics.val/loss 0.5")
    box.press("Enter")
    expect(error).to_contain_text("Column 39: In place of '0.5' comes an operator, such as =")
    expect(box).to_have_value("params.lr > 0.01 AND metrics.val/loss 0.5")
    box.fill("params.lr > 0.01 AND lr < ")
    box.press("Escape")
    box.press("Enter")
    expect(error).to_contain_text("Column 26: Here is missing: a value: a number, a text")
    box.fill("lr < 1")
    box.press("Enter")
    expect(error).to_contain_text("Column 1: 'lr' is no key. A metric is metrics.lr, a param is")
    box.fill("params.lr > 0.1")
    box.press("Enter")
    expect(names(page)).to_have_text(["adam-0.3"])
    expect(chips(page)).to_have_text(["params.lr > 0.1"])


def test_a_filter_that_finds_nothing_says_what_may_be_meant(see: See, content: Content) -> None:
    page = see(f"/experiments/{content.experiment_id}?tab=table&filter=metrics.val/los > 0")
    hint = page.locator("main").get_by_role("status").filter(has_text="finds no runs")
    expect(hint).to_contain_text("There is no metric val/los. Did you mean val/loss")
    hint.get_by_role("button", name="metrics.val/loss", exact=True).click()
    expect(names(page)).to_have_count(5)
    expect(chips(page)).to_have_text(["metrics.val/loss > 0"])


def test_quick_filters_are_a_click_away(see: See, content: Content) -> None:
    page = see(f"/experiments/{content.experiment_id}?tab=table")
    page.get_by_role("button", name="Last 7 days", exact=True).click()
    expect(chips(page)).to_have_text(["Last 7 days"])
    assert filter_of(page) == "start_time > now - 7d"
    page.get_by_role("button", name="Running", exact=True).click()
    expect(page.get_by_text("The filter finds no runs.")).to_be_visible()
    page.get_by_role("button", name="Remove Running").click()
    # Where nobody signs in, the own runs are those of the user that one chooses once.
    page.get_by_role("button", name="My runs", exact=True).click()
    page.get_by_role("option", name="ada").click()
    field(page).press("Enter")
    expect(chips(page)).to_have_text(["Last 7 days", "My runs"])
    expect(names(page)).to_have_count(7)
    page.get_by_role("button", name="Remove My runs").click()
    page.get_by_role("button", name="My runs", exact=True).click()
    expect(chips(page)).to_have_text(["Last 7 days", "My runs"])


def test_filters_are_saved_by_name_for_the_experiment(see: See, content: Content) -> None:
    page = see(f"/experiments/{content.experiment_id}?tab=table&filter=params.lr > 0.01")
    page.get_by_text("Saved filters").click()
    page.get_by_label("Name of the filter").fill("fast ones")
    page.get_by_role("button", name="Save filter").click()
    page.reload()
    page.get_by_role("button", name="Remove params.lr > 0.01").click()
    expect(names(page)).to_have_count(2)
    page.get_by_text("Saved filters").click()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    page.get_by_role("button", name="fast ones", exact=True).click()
    expect(chips(page)).to_have_text(["params.lr > 0.01"])
    page.get_by_text("Saved filters").click()
    page.get_by_role("button", name="Forget fast ones").click()
    expect(page.get_by_text("None in this browser yet.")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_label("Name of the filter")).to_be_hidden()
    see("/experiments/0?tab=table")
    page.get_by_text("Saved filters").click()
    expect(page.get_by_text("None in this browser yet.")).to_be_visible()


def test_alt_and_a_click_filter_by_a_value(see: See, content: Content) -> None:
    columns = "params.optimizer,params.lr,status"
    page = see(f"/experiments/{content.experiment_id}?tab=table&flat=1&columns={columns}")
    page.get_by_role("gridcell", name="adam", exact=True).first.click(modifiers=["Alt"])
    expect(names(page)).to_have_text(["adam-0.1", "adam-0.3"])
    page.get_by_role("gridcell", name="0.3", exact=True).click(modifiers=["Alt"])
    expect(chips(page)).to_have_text(["params.optimizer = 'adam'", "params.lr = 0.3"])
    expect(names(page)).to_have_text(["adam-0.3"])


@pytest.mark.parametrize("width", [400, 2560])
def test_chips_of_any_length_stay_in_the_box(see: See, content: Content, width: int) -> None:
    long = " AND ".join(f"params.{'x' * 80}{i} IS NULL" for i in range(6))
    page = see("/")
    page.set_viewport_size({"width": width, "height": 800})
    see(f"/experiments/{content.experiment_id}?tab=table&filter={long}")
    expect(chips(page)).to_have_count(6)
    for chip in page.locator(".filter .chip").all():
        box = chip.bounding_box()
        assert box
        assert box["x"] + box["width"] <= width
    expect(field(page)).to_be_visible()


def test_own_runs_are_those_of_the_user_and_those_of_the_tag(
    server: ServerProcess, page: Page
) -> None:
    with TrackingClient(server.uri) as client:
        client.create_run("0", run_name="by user", tags={"mlflow.user": "ada"})
        client.create_run("0", run_name="of another", tags={"mlflow.user": "bob"})
        later = client.create_run("0", run_name="by tag").info.run_id
        client.set_tag(later, "mlflow.user", "ada")
    page.add_init_script("localStorage.setItem('runstream.me', 'ada')")
    page.goto(f"{server.http}/#/experiments/0?tab=table")
    page.get_by_role("button", name="My runs", exact=True).click()
    expect(names(page)).to_have_text(["by tag", "by user"])
