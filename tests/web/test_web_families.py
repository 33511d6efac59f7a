"""Child runs in the table: under their parents, all of them, and nowhere lost."""

from __future__ import annotations

import csv

import pytest
from playwright.sync_api import Locator, Page, expect

from runstream import TrackingClient
from support.held_requests import wait_for_requests
from support.server_process import ServerProcess
from support.web_content import delete_selected

CHILDREN = 300  # more than a page has


@pytest.fixture
def parent(server: ServerProcess) -> str:
    with TrackingClient(server.uri) as client:
        parent = client.create_run("0", run_name="study").info.run_id
        for number in range(CHILDREN):
            create_child(client, parent, f"trial-{number}", number + 1)
    return parent


def create_child(client: TrackingClient, parent: str, name: str, start: int = 0) -> str:
    tags = {"mlflow.parentRunId": parent}
    run_id: str = client.create_run(
        "0", run_name=name, tags=tags, start_time=start or None
    ).info.run_id
    return run_id


def names(page: Page) -> Locator:
    return page.locator(".row .name a")


def test_all_children_are_unfolded_and_exported(
    server: ServerProcess, page: Page, parent: str
) -> None:
    page.goto(f"{server.http}/#/experiments/0?tab=table&columns=status")
    expect(page.get_by_text("1 parent, 301 runs", exact=True)).to_be_visible()
    page.get_by_role("button", name=f"Unfold {CHILDREN} child runs").click()
    grid = page.get_by_role("treegrid")
    expect(grid).to_have_attribute("aria-rowcount", str(CHILDREN + 2))
    grid.evaluate("grid => grid.scrollTo(0, grid.scrollHeight)")
    expect(names(page).last).to_have_text("trial-0")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export CSV").click()
    with open(download.value.path(), newline="") as file:
        rows = list(csv.reader(file))
    assert [row[1] for row in rows[1:]] == ["study"] + [
        f"trial-{number}" for number in reversed(range(CHILDREN))
    ]
    page.goto(f"{server.http}/#/runs/{parent}")
    page.locator(".facts .links a", has_text="all").click()
    expect(page.get_by_text(f"{CHILDREN} runs", exact=True)).to_be_visible()


def test_a_child_is_not_lost_when_it_or_its_parent_is_deleted(
    server: ServerProcess, page: Page
) -> None:
    with TrackingClient(server.uri) as client:
        parent = client.create_run("0", run_name="study").info.run_id
        create_child(client, parent, "kept", 1)
        create_child(client, parent, "gone", 2)
        page.goto(f"{server.http}/#/experiments/0?tab=table&columns=status")
        page.get_by_role("button", name="Unfold 2 child runs").click()
        expect(names(page)).to_have_text(["study", "gone", "kept"])
        page.get_by_label("Select gone").check()
        delete_selected(page)
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(names(page)).to_have_text(["study", "kept"])
        expect(page.get_by_role("button", name="Fold 1 child run")).to_be_visible()
        page.get_by_label("Which runs").select_option("deleted")
        expect(names(page)).to_have_text(["gone"])
        page.get_by_label("Which runs").select_option("")
        expect(names(page)).to_have_text(["study"])
        client.delete_run(parent)
        expect(names(page)).to_have_text(["kept"])


def test_runs_that_are_each_others_parents_are_listed_once(  # S9
    server: ServerProcess, page: Page
) -> None:
    with TrackingClient(server.uri) as client:
        first = client.create_run("0", run_name="first", start_time=1).info.run_id
        second = create_child(client, first, "second", 2)
        create_child(client, second, "trial", 3)
        client.set_tag(first, "mlflow.parentRunId", second)
        itself = client.create_run("0", run_name="itself", start_time=4).info.run_id
        client.set_tag(itself, "mlflow.parentRunId", itself)
        create_child(client, itself, "fold", 5)
    page.goto(f"{server.http}/#/experiments/0?tab=table&columns=status")
    expect(names(page)).to_have_text(["itself", "first"])
    unfold = page.get_by_role("button", name="Unfold 1 child run")
    unfold.last.click()
    expect(names(page)).to_have_text(["itself", "first", "second"])
    unfold.last.click()
    expect(names(page)).to_have_text(["itself", "first", "second", "trial"])
    unfold.click()
    expect(names(page)).to_have_text(["itself", "fold", "first", "second", "trial"])
    expect(unfold).to_have_count(0)
    with page.expect_download() as download:
        page.get_by_role("button", name="Export CSV").click()
    with open(download.value.path(), newline="") as file:
        rows = list(csv.reader(file))
    assert [row[1] for row in rows[1:]] == ["itself", "fold", "first", "second", "trial"]


def test_runs_that_others_delete_leave_and_children_that_begin_appear(
    server: ServerProcess, page: Page
) -> None:
    with TrackingClient(server.uri) as client:
        study = client.create_run("0", run_name="study", start_time=2).info.run_id
        other = client.create_run("0", run_name="other", start_time=1).info.run_id
        page.clock.install()
        page.goto(f"{server.http}/#/experiments/0?tab=table&columns=status&sort=run_name")
        expect(names(page)).to_have_text(["other", "study"])
        client.delete_run(other)
        expect(names(page)).to_have_text(["study"])
        expect(page.get_by_text("1 run", exact=True)).to_be_visible()
        first = create_child(client, study, "first", 1)
        page.get_by_role("button", name="Unfold 1 child run").click()
        expect(names(page)).to_have_text(["study", "first"])
        create_child(client, study, "second", 2)
        expect(names(page)).to_have_text(["study", "first", "second"])
        # Neither a deletion nor a child is a new run of this list.
        client.delete_run(first)
        expect(names(page)).to_have_text(["study", "second"])
        page.clock.run_for(3_000)
        wait_for_requests(page)
        expect(page.get_by_role("button", name="new run")).to_have_count(0)
