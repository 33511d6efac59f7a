"""Saved views of the workspace, links to them, and the default view of an experiment."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from runstream import TrackingClient
from support.server_process import ServerProcess


@pytest.fixture
def client(server: ServerProcess) -> Iterator[TrackingClient]:
    with TrackingClient(server.uri) as client:
        yield client


@pytest.fixture
def experiment(client: TrackingClient) -> str:
    """An experiment with three runs."""
    experiment = client.create_experiment("views")
    for number in range(3):
        run_id = client.create_run(experiment, run_name=f"run {number}").info.run_id
        client.log_metric(run_id, "loss", number)
        client.set_terminated(run_id)
    return experiment


def menu(page: Page) -> Locator:
    """Open the menu of views, if it is closed."""
    button = page.locator(".views > button")
    if button.get_attribute("aria-expanded") == "false":
        button.click()
    return page.get_by_role("group", name="Saved views")


def save_as(page: Page, name: str) -> None:
    menu(page).get_by_role("button", name="Save as…").click()
    page.get_by_role("dialog").get_by_label("Name").fill(name)
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(page.locator(".views > button")).to_contain_text(name)


def filter_by(page: Page, text: str) -> None:
    """Set the filter as an address does, whatever it was."""
    page.evaluate(
        """text => {
          const [path, query = ""] = location.hash.split("?");
          const all = new URLSearchParams(query);
          text ? all.set("filter", text) : all.delete("filter");
          location.hash = `${path}?${all}`;
        }""",
        text,
    )
    expect(chips(page)).to_have_text([text] if text else [])


def chips(page: Page) -> Locator:
    return page.locator(".filter .chip .what")


def test_a_view_is_saved_changed_saved_again_renamed_and_deleted(
    server: ServerProcess, page: Page, experiment: str, client: TrackingClient
) -> None:
    page.goto(f"{server.http}/#/experiments/{experiment}")
    filter_by(page, "metrics.loss < 2")
    save_as(page, "Good ones")
    filter_by(page, "metrics.loss < 1")
    button = page.locator(".views > button")
    expect(button).to_contain_text("changed")
    menu(page).get_by_role("button", name="Save", exact=True).click()
    expect(button).not_to_contain_text("changed")
    (view,) = client.list_documents(experiment, "view")
    assert client.get_document(view.document_id).text == "filter=metrics.loss+%3C+1"
    menu(page).get_by_role("button", name="Rename…").click()
    page.get_by_role("dialog").get_by_label("Name").fill("Best")
    page.get_by_role("dialog").get_by_role("button", name="Rename").click()
    expect(button).to_contain_text("Best")
    menu(page).get_by_role("button", name="Delete").click()
    expect(button).to_contain_text("Views")
    assert list(client.list_documents(experiment, "view")) == []
    page.get_by_role("button", name="Undo").click()
    expect(button).to_contain_text("Best")


def test_a_link_to_a_view_shows_it_and_what_is_changed_is_told_apart(
    server: ServerProcess, page: Page, experiment: str, client: TrackingClient
) -> None:
    view = client.create_document(experiment, "view", "Two", "filter=metrics.loss+%3C+2")
    page.goto(f"{server.http}/#/experiments/{experiment}?view={view.document_id}")
    expect(chips(page)).to_have_text(["metrics.loss < 2"])
    expect(page.locator(".count").first).to_have_text("2 runs")
    button = page.locator(".views > button")
    expect(button).to_contain_text("Two")
    expect(button).not_to_contain_text("changed")
    filter_by(page, "")  # nothing of its own is left, and yet it does not come back
    expect(page.locator(".count").first).to_have_text("3 runs")
    expect(button).to_contain_text("changed")
    menu(page).get_by_role("button", name="Two").click()
    expect(page.locator(".count").first).to_have_text("2 runs")
    client.delete_document(view.document_id)
    page.goto(f"{server.http}/#/experiments/{experiment}?view={view.document_id}")
    expect(page.get_by_role("alert")).to_contain_text("No document")
    page.get_by_role("link", name="Show the experiment without this view").click()
    expect(page.locator(".count").first).to_have_text("3 runs")


def test_the_default_view_is_what_a_browser_shows_that_remembers_nothing(
    server: ServerProcess, page: Page, experiment: str
) -> None:
    address = f"{server.http}/#/experiments/{experiment}"
    page.goto(address)
    filter_by(page, "metrics.loss < 1")
    save_as(page, "For all")
    menu(page).get_by_role("button", name="Make default for all").click()
    expect(menu(page).get_by_text("default", exact=True)).to_be_visible()
    filter_by(page, "metrics.loss < 2")
    browser = page.context.browser
    assert browser
    with browser.new_context() as other:  # of a colleague
        colleague = other.new_page()
        colleague.goto(address)
        expect(chips(colleague)).to_have_text(["metrics.loss < 1"])
        menu(colleague).get_by_role("button", name="All runs, nothing set up").click()
        expect(colleague.locator(".count").first).to_have_text("3 runs")
    page.goto(f"{server.http}/#/")
    page.goto(address)  # who set something up finds that again
    expect(chips(page)).to_have_text(["metrics.loss < 2"])


def test_a_link_that_would_be_too_long_is_kept_by_the_server(
    server: ServerProcess, page: Page, context: BrowserContext, experiment: str
) -> None:
    condition = " OR ".join(f"run_name = 'run {number % 3}'" for number in range(400))
    page.goto(f"{server.http}/#/experiments/{experiment}?filter={condition}")
    expect(page.locator(".count").first).to_have_text("3 runs")
    menu(page).get_by_role("button", name="Copy link").click()
    expect(page.get_by_text("Copied a link")).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    assert len(link) < 200, link
    other = context.new_page()
    other.goto(link)
    expect(other).to_have_url(re.compile("saved=none&filter=run_name"))
    expect(other.locator(".count").first).to_have_text("3 runs")
    expect(other.locator(".views > button")).to_contain_text("Views")  # it has no name


def test_somebody_elses_change_of_a_view_is_told_and_not_lost(
    server: ServerProcess, page: Page, experiment: str, client: TrackingClient
) -> None:
    view = client.create_document(experiment, "view", "Shared", "filter=metrics.loss+%3C+2")
    page.goto(f"{server.http}/#/experiments/{experiment}?view={view.document_id}")
    expect(chips(page)).to_have_text(["metrics.loss < 2"])
    filter_by(page, "metrics.loss < 1")
    menu(page)
    client.update_document(view, text="sort=duration")
    menu(page).get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("has changed 'Shared' meanwhile")).to_be_visible()
    assert client.get_document(view.document_id).text == "sort=duration"
    menu(page).get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved the view Shared")).to_be_visible()
    assert "loss" in client.get_document(view.document_id).text


def test_who_only_reads_chooses_views_and_copies_links(
    server: ServerProcess, page: Page, tokens: dict[str, str], sign_in: Callable[[str], None]
) -> None:
    with TrackingClient(server.uri, token=tokens["ada"]) as ada:
        experiment = ada.create_experiment("shared")
        ada.create_run(experiment)
        ada.set_grant(experiment, "user:bob", "reader")
        ada.create_document(experiment, "view", "Mine", "sort=duration")
    sign_in("bob")
    page.goto(f"{server.http}/#/experiments/{experiment}")
    expect(menu(page).get_by_role("button", name="Mine")).to_be_visible()
    expect(menu(page).get_by_role("button", name="Save as…")).to_have_count(0)
    expect(menu(page).get_by_role("button", name="Copy link")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("group", name="Saved views")).to_be_hidden()
    expect(page.locator(".views > button")).to_be_focused()
