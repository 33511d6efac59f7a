"""The list of experiments."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Page, expect

from runstream import TrackingClient
from support.server_process import ENVIRONMENT, ServerProcess


def choose(page: Page, name: str, action: str) -> None:
    """Choose an action in the menu of an experiment."""
    page.get_by_role("button", name=f"Actions for {name}", exact=True).click()
    page.get_by_role("menuitem", name=action, exact=True).click()


def test_experiments_are_listed_with_their_runs_and_last_activity(
    server: ServerProcess, page: Page
) -> None:
    with TrackingClient(server.uri) as client:
        busy = client.create_experiment("busy")
        for _ in range(3):
            client.create_run(busy)
        client.set_terminated(client.create_run(busy).info.run_id)
    page.goto(server.http)
    row = page.get_by_role("row", name="busy")
    expect(row.get_by_role("cell").nth(0)).to_have_text("4")
    expect(row.get_by_role("cell").nth(1)).to_have_text("3")
    expect(row.get_by_role("cell").nth(2)).to_have_text("just now")
    expect(page.get_by_role("row", name="Default")).to_contain_text("never")
    row.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("busy")


def test_names_are_searched(server: ServerProcess, page: Page) -> None:
    with TrackingClient(server.uri) as client:
        for name in ("Vision", "speech", "it's 100%"):
            client.create_experiment(name)
    page.goto(server.http)
    links = page.locator("tbody a")
    expect(links).to_have_count(4)
    search = page.get_by_role("searchbox")
    for text, found in (("VIS", ["Vision"]), ("it's", ["it's 100%"]), ("xyz", [])):
        search.fill(text)
        expect(links).to_have_text(found)
    expect(page.get_by_text("No experiment has “xyz” in its name or as a tag.")).to_be_visible()


def test_tags_descriptions_and_activity_are_shown_and_searched(
    server: ServerProcess, page: Page
) -> None:
    note = (
        "# Eyes of *robots*\n\nTrained on **street** scenes. <script>document.title = 'x'</script>"
    )
    tags = {"team": "vision lab", "mlflow.note.content": note}
    with TrackingClient(server.uri) as client:
        seeing = client.create_experiment("seeing", tags=tags)
        client.create_experiment("hearing", tags={"team": "sound"})
        for _ in range(2):
            client.create_run(seeing)
    page.goto(server.http)
    links = page.locator("tbody a")
    row = page.get_by_role("row", name="seeing")
    expect(row.get_by_role("img", name="2 runs in the last 60 days")).to_be_visible()
    expect(row).to_contain_text("Eyes of robots")
    row.get_by_role("button", name="more about seeing").click()
    expect(row.locator("strong")).to_have_text("street")
    expect(row.get_by_role("heading", name="Eyes of robots")).to_be_visible()
    assert page.title() != "x"
    row.get_by_role("button", name="team=vision lab").click()
    expect(links).to_have_text(["seeing"])
    search = page.get_by_role("searchbox")
    for text, found in (
        ("team=sound", ["hearing"]),
        ("ear ing", ["hearing"]),
        ("team=", ["hearing", "seeing"]),
    ):
        search.fill(text)
        expect(links).to_have_text(found)


def test_pinned_experiments_come_first(server: ServerProcess, page: Page) -> None:
    with TrackingClient(server.uri) as client:
        for number in range(210):
            client.create_experiment(f"experiment {number}")
    page.goto(server.http)
    links = page.locator("tbody a")
    expect(links).to_have_count(200)
    page.get_by_role("searchbox").fill("Default")
    page.get_by_role("button", name="Pin Default").click()
    expect(page.get_by_role("button", name="Pin Default")).to_have_attribute("aria-pressed", "true")
    page.goto(server.http)
    page.reload()
    expect(links).to_have_count(201)  # one that is on a later page
    expect(links.first).to_have_text("Default")
    page.get_by_role("button", name="Pin Default").click()
    expect(links.first).to_have_text("experiment 209")


def test_an_experiment_is_created_renamed_deleted_and_restored(
    server: ServerProcess, page: Page
) -> None:
    page.goto(server.http)
    page.get_by_role("button", name="New experiment").click()
    name = page.get_by_label("Name", exact=True)
    name.fill("Default")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("already exists")
    name.fill("mine")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("mine")
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Experiments").click()
    choose(page, "mine", "Rename")
    name.fill("ours")
    page.get_by_role("dialog").get_by_role("button", name="Rename").click()
    choose(page, "ours", "Delete")
    expect(page.get_by_role("link", name="ours")).to_have_count(0)
    with TrackingClient(server.uri) as client:
        found = client.get_experiment_by_name("ours")
        assert found is not None
        assert found.lifecycle_stage == "deleted"
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_role("link", name="ours")).to_be_visible()
        client.create_run(found.experiment_id)
        page.reload()
        choose(page, "ours", "Delete")
        dialog = page.get_by_role("dialog", name="Delete ours")
        expect(dialog).to_contain_text("Running: 1 of them.")
        dialog.get_by_role("button", name="Delete").click()
        expect(page.get_by_role("link", name="ours")).to_have_count(0)
        page.get_by_role("tab", name="Deleted").click()
        runs = page.get_by_role("row", name="ours").get_by_role("cell").first
        expect(runs).to_have_text("1")  # the run that was deleted with it
        page.get_by_role("button", name="Restore ours").click()
        expect(page.get_by_role("link", name="ours")).to_have_count(0)
        found = client.get_experiment_by_name("ours")
        assert found is not None
        assert found.lifecycle_stage == "active"


def test_archived_experiments_stand_apart_and_come_back(server: ServerProcess, page: Page) -> None:
    with TrackingClient(server.uri) as client:
        ids = [client.create_experiment(f"experiment {number}") for number in range(230)]
        for experiment_id in ids[20:]:
            client.set_experiment_tag(experiment_id, "runstream.archived", "true")
        page.goto(server.http)
        links = page.locator("tbody a")
        expect(links).to_have_count(21)  # a page is full of what is not archived
        expect(page.get_by_role("button", name="Show more")).to_have_count(0)
        choose(page, "experiment 3", "Archive")
        expect(links).to_have_count(20)
        page.get_by_role("button", name="Undo").click()
        expect(links).to_have_count(21)
        choose(page, "experiment 3", "Archive")
        expect(links).to_have_count(20)
        archived = client.get_experiment(ids[3])
        assert archived.lifecycle_stage == "active"
        assert archived.tags == {"runstream.archived": "true"}
        page.get_by_role("tab", name="Archived").click()
        page.get_by_role("button", name="Show more").click()
        expect(links).to_have_count(211)
        page.get_by_role("searchbox").fill('"experiment 3"')
        expect(page.get_by_role("row", name="experiment 3").first).to_be_visible()
        choose(page, "experiment 3", "Unarchive")
        expect(
            page.get_by_role("button", name="Actions for experiment 3", exact=True)
        ).to_have_count(0)
        assert client.get_experiment(ids[3]).tags == {}
        page.get_by_role("searchbox").fill("")
        page.get_by_role("tab", name="Deleted").click()
        expect(page.get_by_text("No experiment is deleted.")).to_be_visible()


def test_more_than_a_page_of_experiments_is_shown_on_demand(
    server: ServerProcess, page: Page
) -> None:
    with TrackingClient(server.uri) as client:
        for number in range(250):
            client.create_experiment(f"experiment {number}")
    page.goto(server.http)
    links = page.locator("tbody a")
    expect(links).to_have_count(200)
    page.get_by_role("button", name="Show more").click()
    expect(links).to_have_count(251)
    expect(page.get_by_role("button", name="Show more")).to_have_count(0)


def test_an_empty_experiment_tells_the_lines_that_log_the_first_run(
    server: ServerProcess, page: Page, tmp_path: Path
) -> None:
    page.goto(f"{server.http}/#/experiments/0")
    lines = page.get_by_role("region", name="Log a first run").inner_text()
    done = subprocess.run(
        [sys.executable, "-c", lines], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    # It appears without a reload.
    expect(page.locator(".row .name a")).to_have_count(1)
