"""Copying, also where a page came over plain HTTP from another machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from runstream import TrackingClient
from support.server_process import ServerProcess
from web.conftest import CHROMIUM


@pytest.fixture
def team_page(browser: Browser) -> Iterator[Page]:
    """A page in a browser to which the server is on a machine `trainer`."""
    rules = "--host-resolver-rules=MAP trainer 127.0.0.1"
    other = browser.browser_type.launch(executable_path=CHROMIUM, args=["--no-sandbox", rules])
    page = other.new_page()
    page.set_default_timeout(20_000)
    expect.set_options(timeout=20_000)
    yield page
    other.close()


def test_texts_are_copied_on_a_page_without_a_secure_context(
    start_server: Callable[..., ServerProcess], team_page: Page
) -> None:
    server = start_server(RUNSTREAM_HTTP_PORT="0", RUNSTREAM_ALLOWED_HOSTS="trainer")
    with TrackingClient(server.uri) as client:
        run = client.create_run("0").info.run_id
    port = urlsplit(server.http).port
    page = team_page
    page.goto(f"http://trainer:{port}/#/runs/{run}")
    copy = page.get_by_role("button", name="Copy: Run id")
    copy.click()
    expect(copy).to_have_text("Copied")
    assert page.evaluate("[isSecureContext, typeof navigator.clipboard]") == [False, "undefined"]
    page.get_by_role("button", name="Write notes").click()
    field = page.get_by_role("textbox", name="Notes, in markdown")
    field.press("Control+v")
    expect(field).to_have_value(run)
    # Where the browser copies nothing, the text is selected.
    page.evaluate("document.execCommand = () => false")
    button = page.get_by_role("button", name="Copy: Load this run in Python")
    button.click()
    expect(button).to_have_text("Press Ctrl+C")
    assert "import runstream" in page.evaluate("getSelection().toString()")
