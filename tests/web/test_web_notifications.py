"""Notifications of the browser for new alerts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from support.alerts import raise_alert
from support.api import Api
from support.held_requests import wait_for_requests
from support.server_process import ServerProcess
from support.web_alerts import ERROR, INFO, bell, look, newest

# Notes what is notified, and lets a test click it; the browser shows it all the same.
RECORDER = """
  window.notified = [];
  const Real = window.Notification;
  if (Real) window.Notification = class extends Real {
    constructor(title, options) {
      super(title, options);
      window.notified.push({ title, body: options.body, notification: this });
    }
  };
"""


@pytest.fixture
def notified(context: BrowserContext) -> Callable[[Page], list[list[str]]]:
    """What a page has notified: titles and bodies."""
    context.grant_permissions(["notifications"])
    context.add_init_script(RECORDER)
    return lambda page: page.evaluate("notified.map(({title, body}) => [title, body])")


def test_the_browser_tells_of_each_new_alert_once_in_one_tab(
    server: ServerProcess,
    page: Page,
    api: Api,
    told_run: str,
    notified: Callable[[Page], list[list[str]]],
) -> None:
    raise_alert(api, run_id=told_run, title="Before", level=ERROR)
    page.goto(server.http)
    bell(page).click()
    switch = newest(page).get_by_label("Notify me in this browser")
    switch.check()
    newest(page).get_by_label("Notify of").select_option("Warning and above")
    expect(newest(page)).to_contain_text("Before")
    other = page.context.new_page()
    with other.expect_response("**/runstream/alerts?*"):
        other.goto(server.http)
    raise_alert(api, run_id=told_run, title="Only good to know", level=INFO)
    raise_alert(api, run_id=told_run, title="Diverged", text="at step 9", level=ERROR)
    for one in (page, other):
        with one.expect_response("**/runstream/alerts?*"):
            look(one)
        wait_for_requests(one)
        one.evaluate("navigator.locks.request('runstream.alerts.notified', () => 0)")
    assert notified(page)[:1] == [["Alerts are told like this", None]]
    assert notified(page)[1:] + notified(other) == [["Diverged", "deep\nat step 9"]]
    teller = other if notified(other) else page
    teller.evaluate("notified.at(-1).notification.onclick()")
    expect(teller.get_by_role("heading", level=1)).to_have_text("deep")
    other.close()
    page.reload()
    bell(page).click()
    expect(switch).to_be_checked()
    expect(newest(page)).to_contain_text("Diverged")
    assert notified(page) == []
    switch.uncheck()
    raise_alert(api, run_id=told_run, title="Not told", level=ERROR)
    look(page)
    expect(newest(page)).to_contain_text("Not told")
    assert notified(page) == []


def test_what_the_browser_cannot_show_is_not_offered(
    server: ServerProcess, page: Page, context: BrowserContext
) -> None:
    """As browsers of phones, where only a service worker may make a notification."""
    context.add_init_script("""
      window.Notification = class {
        static permission = "default";
        static requestPermission = async () => (Notification.permission = "granted");
        constructor() {
          throw new TypeError("Illegal constructor.");
        }
      };
    """)
    page.goto(server.http)
    bell(page).click()
    switch = newest(page).get_by_label("Notify me in this browser")
    expect(switch).to_be_disabled()
    expect(newest(page)).to_contain_text("shows no notifications of pages, as those of phones")

    # Permission was given before: that it cannot is known when it is chosen.
    context.add_init_script("Notification.permission = 'granted'")
    page.reload()
    bell(page).click()
    switch.click()
    expect(switch).to_be_disabled()
    expect(switch).not_to_be_checked()
    expect(newest(page)).to_contain_text("shows no notifications of pages, as those of phones")
