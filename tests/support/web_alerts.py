"""The bell of a page, and alerts that come while it is open."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page

from runstream.v1.alert_pb2 import AlertLevel

INFO, WARN, ERROR = AlertLevel.values()[1:]


def bell(page: Page) -> Locator:
    return page.get_by_role("button", name=re.compile("^Alerts(,|$)"))


def newest(page: Page) -> Locator:
    return page.get_by_role("group", name="Newest alerts")


def look(page: Page) -> None:
    """Have the page ask for alerts now, as one does that is in sight again."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
