"""Who goes back finds a page as they left it: scrolled, focused, unfolded, with its columns."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from runstream import TrackingClient
from support.server_process import ServerProcess

RUNS = 600


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with runs that have child runs, and with thirty metrics."""
    folder = tmp_path_factory.mktemp("many")
    server = ServerProcess(folder / "runs.db", {"RUNSTREAM_HTTP_PORT": "0"})
    with TrackingClient(server.uri) as client:
        for number in range(RUNS):
            run = client.create_run("0", run_name=f"run {number}").info.run_id
            client.log_param(run, "lr", number / RUNS)
            if number == 300:
                tags = {"mlflow.parentRunId": run}
                client.create_run("0", run_name="child", tags=tags)
            if number == RUNS - 1:
                for metric in range(30):
                    client.log_metric(run, f"m{metric:02}", 1.0)
    yield server
    server.stop()


def scroll(page: Page, selector: str, top: int) -> None:
    """Scroll as a wheel does, and wait until it is so far."""
    page.locator(selector).evaluate("(element, top) => element.scrollTo(0, top)", top)
    page.wait_for_function(
        "([selector, top]) => Math.abs(document.querySelector(selector).scrollTop - top) < 2",
        arg=[selector, top],
    )


def scrolled(page: Page, selector: str) -> float:
    found: float = page.locator(selector).evaluate("element => element.scrollTop")
    return found


def test_back_returns_to_the_row_its_link_and_the_place_of_the_charts(
    many: ServerProcess, page: Page
) -> None:
    page.goto(f"{many.http}/#/experiments/0?columns=params.lr&list=500")
    expect(page.locator(".row").first).to_contain_text("run 599")
    expect(page.locator("figure.panel").nth(10)).to_be_attached()
    grid = page.get_by_role("treegrid")
    top = 32 * 295
    scroll(page, ".grid", top)
    page.locator(".row", has_text="run 300").get_by_role("button", name="Unfold").click()
    child = page.get_by_role("link", name="child", exact=True)
    expect(child).to_be_visible()
    scroll(page, ".charts", 700)

    def expect_all_as_before() -> None:
        expect(child).to_be_focused()
        expect(page.get_by_role("columnheader")).to_have_count(2)
        expect(page).to_have_url(re.compile("columns=params.lr"))
        assert (scrolled(page, ".grid"), scrolled(page, ".charts")) == (top, 700)

    child.click()
    expect(page.get_by_role("heading", name="child")).to_be_visible()
    page.go_back()
    expect_all_as_before()
    child.click()
    page.get_by_role("navigation", name="Breadcrumbs").get_by_role("link").last.click()
    expect_all_as_before()

    # By keys, the list has the focus, and the row that it was at.
    grid.focus()
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    active = str(grid.get_attribute("aria-activedescendant"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("run 29")
    page.go_back()
    expect(grid).to_be_focused()
    expect(grid).to_have_attribute("aria-activedescendant", active)
    page.go_forward()
    expect(page.get_by_role("heading", level=1)).to_contain_text("run 29")

    # Another visit begins at the top.
    page.get_by_role("link", name="Experiments").first.click()
    page.get_by_role("link", name="Default", exact=True).click()
    expect(page.locator(".row").first).to_contain_text("run 599")
    page.wait_for_timeout(300)
    assert (scrolled(page, ".grid"), scrolled(page, ".charts")) == (0, 0)


def test_a_page_that_scrolls_as_a_whole_is_found_again_and_another_begins_at_its_top(
    many: ServerProcess, page: Page
) -> None:
    page.set_viewport_size({"width": 900, "height": 400})
    page.goto(f"{many.http}/#/experiments/0?filter=run_name = 'run 599'")
    page.get_by_role("link", name="run 599").click()
    expect(page.get_by_role("heading", name="run 599")).to_be_visible()
    expect(page.get_by_text("m29").first).to_be_attached()
    scroll(page, "#main", 600)
    page.get_by_role("link", name="Runstream").click()
    expect(page.get_by_role("heading", name="Experiments")).to_be_visible()
    assert scrolled(page, "#main") == 0
    page.go_back()
    expect(page.get_by_role("heading", name="run 599")).to_be_attached()
    page.wait_for_function("() => Math.abs(document.querySelector('#main').scrollTop - 600) < 2")
