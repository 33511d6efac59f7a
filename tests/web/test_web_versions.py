"""A page that is open while its server is restarted with another version of the interface."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from runstream import TrackingClient
from runstream_service import built_interface
from support.server_process import ServerProcess

SERVE = """
from pathlib import Path
from runstream_service import built_interface
built_interface.FOLDER = Path({folder!r})
from runstream.cli import main
main()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the interface."""
    return Path(shutil.copytree(built_interface.FOLDER, tmp_path / "web"))


@pytest.fixture
def versioned(tmp_path: Path, folder: Path) -> Iterator[ServerProcess]:
    """A server of the copy."""
    program = ("-c", SERVE.format(folder=str(folder)))
    server = ServerProcess(tmp_path / "runs.db", {"RUNSTREAM_HTTP_PORT": "0"}, program)
    yield server
    server.kill()


def rename_assets(folder: Path) -> None:
    """Give all files of the interface other names, as a build of other sources does."""
    names = [path.name for path in (folder / "assets").iterdir()]
    new = {name: re.sub(r"\.(\w+)$", r"2.\1", name) for name in names}
    pattern = re.compile("|".join(map(re.escape, sorted(names, key=len, reverse=True))))
    for path in [folder / "index.html", *(folder / "assets").iterdir()]:
        text = pattern.sub(lambda found: new[found[0]], path.read_text())
        path.unlink()
        path.with_name(new.get(path.name, path.name)).write_text(text)


def entry(page: Page) -> str:
    found: str = page.evaluate("document.querySelector('script[type=module]').src")
    return found


def test_a_page_is_loaded_anew_where_it_is_when_the_server_has_another_version(
    versioned: ServerProcess, folder: Path, page: Page
) -> None:
    with TrackingClient(versioned.uri) as client:
        client.create_run("0", run_name="first")
    page.goto(f"{versioned.http}/#/experiments/0?columns=metrics.loss")
    link = page.get_by_role("link", name="first")
    expect(link).to_be_visible()
    before = entry(page)

    versioned.kill()
    expect(page.locator(".lost")).to_be_visible()
    link.click()  # to a page of which nothing is loaded yet
    rename_assets(folder)
    versioned.restart()
    expect(page.get_by_role("heading", level=1)).to_have_text("first")
    expect(page).to_have_url(re.compile(r"#/experiments/0/runs/\w{32}$"))
    assert entry(page) != before
    expect(page.locator(".facts")).to_have_css("display", "grid")
    page.go_back()
    expect(page).to_have_url(re.compile(r"#/experiments/0\?columns=metrics.loss$"))
    expect(page.get_by_text("These runs have logged no metrics yet.")).to_be_visible()

    # What is being typed is not taken away.
    page.go_forward()
    page.get_by_role("button", name="Write notes").click()
    field = page.get_by_role("textbox", name="Notes, in markdown")
    field.fill("half a thought")
    before = entry(page)
    versioned.kill()
    expect(page.locator(".lost")).to_be_visible()
    rename_assets(folder)
    versioned.restart()
    expect(page.get_by_text("The server has a new version of this page.")).to_be_visible()
    expect(field).to_have_value("half a thought")
    page.get_by_role("button", name="Load it").click()
    expect(field).to_have_value("half a thought")
    assert entry(page) != before


def test_a_page_that_waited_for_the_server_has_its_style(server: ServerProcess, page: Page) -> None:
    with TrackingClient(server.uri) as client:
        client.create_run("0", run_name="first")
    page.goto(f"{server.http}/#/experiments/0")
    link = page.get_by_role("link", name="first")
    expect(link).to_be_visible()
    server.kill()
    expect(page.locator(".lost")).to_be_visible()
    link.click()
    server.restart()
    expect(page.get_by_role("heading", level=1)).to_have_text("first")
    expect(page.locator(".facts")).to_have_css("display", "grid")


def test_a_part_whose_file_is_gone_says_so_in_its_place(
    versioned: ServerProcess, folder: Path, page: Page
) -> None:
    with TrackingClient(versioned.uri) as client:
        run = client.create_run("0", run_name="first").info.run_id
    page.goto(f"{versioned.http}/#/runs/{run}")
    expect(page.locator(".facts")).to_be_visible()
    before = entry(page)
    # It was loaded anew a moment ago: servers of two versions are behind one address.
    page.evaluate("sessionStorage.setItem('runstream.reloaded', String(Date.now() + 60_000))")
    versioned.kill()
    rename_assets(folder)
    versioned.restart()
    page.get_by_role("tab", name="Code").click()
    # The bell in the head may have been loaded before, or not.
    missing = page.locator("#main").get_by_text("This part of the page could not be loaded")
    expect(missing).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text("first")
    page.get_by_role("tab", name="Overview").click()
    expect(page.locator(".facts")).to_be_visible()
    page.get_by_role("tab", name="Code").click()
    page.locator("#main").get_by_role("button", name="Load the page anew").click()
    expect(page.get_by_role("tab", name="Code", selected=True)).to_be_visible()
    expect(missing).to_have_count(0)
    assert entry(page) != before
