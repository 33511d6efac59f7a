"""The bell at the head of the pages, and the newest alerts that it opens."""

from __future__ import annotations

from collections.abc import Callable

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from runstream import TrackingClient
from support.alerts import raise_alert
from support.api import Api
from support.held_requests import wait_for_requests
from support.server_process import ServerProcess
from support.web_alerts import ERROR, bell, look, newest


def test_the_bell_counts_what_was_not_seen_and_opens_the_newest(
    server: ServerProcess, page: Page, api: Api, told_experiment: str, told_run: str
) -> None:
    raise_alert(api, experiment_id=told_experiment, title="Old news")
    page.goto(server.http)
    expect(bell(page)).to_have_accessible_name("Alerts, 1 new")
    text = "word " * 200
    raise_alert(api, run_id=told_run, title="<b>Diverged", text=text, level=ERROR)
    look(page)
    expect(bell(page)).to_have_accessible_name("Alerts, 2 new")
    bell(page).click()
    listed = newest(page).locator(".alerts > li")
    expect(listed).to_have_count(2)
    first, second = listed.first, listed.last
    expect(first).to_contain_text("Error <b>Diverged new")
    expect(second).to_contain_text("Info Old news new")
    assert len(first.inner_text()) < 500
    first.get_by_role("button", name="Show more of 1,000 characters").click()
    expect(first).to_contain_text(text.strip())
    expect(first.get_by_role("link", name="told of")).to_be_visible()
    expect(bell(page)).to_have_accessible_name("Alerts")
    page.keyboard.press("Escape")
    expect(bell(page)).to_be_focused()
    expect(newest(page)).to_be_hidden()
    bell(page).click()
    expect(newest(page).locator(".new")).to_have_count(0)
    newest(page).get_by_role("link", name="deep").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("deep")
    expect(newest(page)).to_be_hidden()
    page.reload()  # what was seen stays so
    expect(bell(page)).to_have_accessible_name("Alerts")


def test_the_bell_asks_one_thing_at_a_time_and_nothing_while_signed_out(
    server: ServerProcess, page: Page, sign_in: Callable[[str], None]
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    def of_alerts() -> list[str]:
        return [url for url in asked if "runstream/alerts" in url]

    page.clock.install()
    page.goto(server.http)
    expect(page.get_by_label("Token")).to_be_visible()
    page.clock.run_for(60_000)
    wait_for_requests(page)
    assert of_alerts() == []
    sign_in("ada")
    expect(bell(page)).to_be_visible()
    page.wait_for_load_state("networkidle")
    asked.clear()
    page.evaluate(
        "for (let i = 0; i < 5; i++) document.dispatchEvent(new Event('visibilitychange'))"
    )
    wait_for_requests(page)
    assert len(of_alerts()) == 1


def test_who_signs_in_after_somebody_else_sees_their_own_alerts_and_what_is_new_to_them(
    server: ServerProcess, page: Page, tokens: dict[str, str], sign_in: Callable[[str], None]
) -> None:
    with TrackingClient(server.uri, tokens["ada"]) as ada:
        shared = ada.create_experiment("shared")
        ada.set_grant(shared, "user:eve", "reader")
        for experiment, title in ((shared, "For both"), (ada.create_experiment("own"), "For Ada")):
            run_id = ada.create_run(experiment).info.run_id
            ada.alert(run_id, title)
            ada.flush()
    sign_in("ada")
    bell(page).click()
    expect(newest(page).locator(".alerts strong")).to_have_text(["For Ada", "For both"])
    expect(bell(page)).to_have_accessible_name("Alerts")
    page.context.clear_cookies()  # the session ends while the page is open
    look(page)
    page.get_by_label("Token").fill(tokens["eve"])
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator(".caller")).to_contain_text("eve")
    expect(bell(page)).to_have_accessible_name("Alerts, 1 new")
    bell(page).click()
    expect(newest(page).locator(".alerts strong")).to_have_text(["For both"])
    sign_in("ada")
    expect(bell(page)).to_have_accessible_name("Alerts")


def test_a_bell_whose_file_is_gone_says_so_beside_itself(server: ServerProcess, page: Page) -> None:
    page.set_viewport_size({"width": 400, "height": 800})
    page.goto(server.http)
    expect(bell(page)).to_be_visible()
    head = page.locator("header.top")
    height = head.evaluate("head => head.offsetHeight")
    page.route("**/assets/AlertBell*", lambda route: route.abort())
    page.reload()
    missing = page.get_by_role("button", name="Alerts could not be loaded")
    expect(missing).to_be_visible()
    assert head.evaluate("head => head.offsetHeight") == height
    text = page.get_by_text("This part of the page could not be loaded")
    expect(text).to_be_hidden()
    missing.press("Enter")
    expect(text).to_be_in_viewport(ratio=1)
    assert head.evaluate("head => head.offsetHeight") == height
    assert Axe().run(page).violations_count == 0
    page.keyboard.press("Escape")
    expect(text).to_be_hidden()
    expect(missing).to_be_focused()
