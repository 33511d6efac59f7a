"""Changes of the address while a part of the page is loaded: none is lost."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, Route, expect

from support.web_charts import choose, find_panel
from support.web_content import EXPERIMENT, Content

See = Callable[[str], Page]


def hold(page: Page, *parts: str) -> list[Route]:
    """Hold back the files of parts of the page; returns what to let through."""
    held: list[Route] = []
    for part in parts:
        page.route(f"**/assets/{part}-*.js", lambda route: held.append(route))
    return held


def release(held: list[Route]) -> None:
    for route in held:
        route.continue_()


def test_changes_while_a_tab_is_loaded_are_all_kept(see: See, page: Page, content: Content) -> None:
    held = hold(page, "RunArtifacts")
    see(f"/runs/{content.runs[0]}?tab=charts")
    figures = {name: find_panel(page, name) for name in ("val/loss", "train/loss")}
    page.get_by_role("tab", name="Artifacts").click()
    for figure in figures.values():
        choose(figure, "Remove")
    page.get_by_label("Smoothing", exact=True).fill("0.5")
    assert held
    release(held)
    expect(page.locator(".artifacts")).to_be_visible()
    expect(page).to_have_url(re.compile("smoothing=0.5"))
    page.get_by_role("tab", name="Charts").click()
    find_panel(page, "val/accuracy")
    for figure in figures.values():
        expect(figure).to_have_count(0)


def test_a_change_that_is_taken_back_while_it_is_loaded_is_none(
    see: See, page: Page, content: Content
) -> None:
    held = hold(page, "RunArtifacts")
    see(f"/runs/{content.runs[0]}")
    artifacts = page.get_by_role("tab", name="Artifacts")
    with page.expect_request("**/assets/RunArtifacts-*.js"):
        artifacts.click()
    overview = page.get_by_role("tab", name="Overview")
    overview.click()
    release(held)
    page.get_by_role("tab", name="Console").click()
    expect(page).to_have_url(re.compile("tab=console"))
    overview.click()
    expect(page).not_to_have_url(re.compile("tab="))


def test_a_change_of_a_page_that_is_left_does_not_come_to_the_next(
    see: See, page: Page, content: Content
) -> None:
    held = hold(page, "ExperimentPage", "RunConsole")
    see(f"/runs/{content.runs[0]}")
    page.get_by_role("link", name=EXPERIMENT).click()
    page.get_by_role("tab", name="Console").click()
    release(held)
    expect(page.get_by_role("treegrid")).to_be_visible()
    expect(page).not_to_have_url(re.compile("console"))
    page.go_back()
    expect(page.get_by_role("tab", name="Overview")).to_be_visible()


def test_a_page_that_is_left_while_a_part_is_loaded_is_found_by_going_back(
    see: See, page: Page, content: Content
) -> None:
    held = hold(page, "RunConsole")
    see("/")
    see(f"/runs/{content.runs[0]}")
    page.get_by_role("tab", name="Console").click()
    page.get_by_role("link", name=EXPERIMENT).click()
    release(held)
    expect(page.get_by_role("treegrid")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("tab", name="Console")).to_have_attribute("aria-selected", "true")
    page.go_back()
    expect(page.get_by_role("heading", name="Experiments")).to_be_visible()
