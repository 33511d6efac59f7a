"""A headless Chromium that opens the web interface."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, sync_playwright

TIMEOUT = 180  # seconds

# Milliseconds for which a new window loads what the browser itself shows around pages.
_WINDOW_MS = 1_000


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Start the browser, and end it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        yield browser
        browser.close()


@contextmanager
def open_page(browser: Browser, size: tuple[int, int] = (1440, 900)) -> Iterator[Page]:
    """Open a page that has nothing in its cache, so many pixels wide and high.

    Its window is there, as it is when a person opens a page.
    """
    context = browser.new_context(viewport={"width": size[0], "height": size[1]})
    context.set_default_timeout(1e3 * TIMEOUT)
    page = context.new_page()
    page.wait_for_timeout(_WINDOW_MS)
    yield page
    context.close()


def wait(page: Page, condition: str) -> None:
    """Wait until an expression of JavaScript is true in the page."""
    # Playwright's own way is forbidden by our policy: it calls `eval` in the page.
    end = time.monotonic() + TIMEOUT
    while not page.evaluate(condition):
        if time.monotonic() > end:
            raise TimeoutError(condition)
        time.sleep(0.01)
