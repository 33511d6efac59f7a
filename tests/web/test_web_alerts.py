"""Alerts on the pages of an experiment and of a run."""

from __future__ import annotations

import re

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from runstream import TrackingClient
from support.alerts import create_rule, raise_alert, rules_of, wait_for_alerts
from support.api import Api
from support.server_process import ServerProcess
from support.web_alerts import ERROR, INFO, WARN, bell, look, newest


def test_deliveries_say_how_they_went(
    server: ServerProcess, page: Page, api: Api, told_experiment: str
) -> None:
    # There is no such name.
    create_rule(
        api,
        experiment_id=told_experiment,
        name="send on",
        alert_raised={},
        destinations={"webhook_urls": ["https://nowhere.invalid/hook"]},
        webhook_secret=f"whsec_{'A' * 32}",
    )
    raise_alert(api, experiment_id=told_experiment, title="Sent on")
    page.goto(f"{server.http}/#/experiments/{told_experiment}/alerts")
    told = page.get_by_role("list", name="Who was told")
    expect(told).to_contain_text("https://nowhere.invalid/hook")
    expect(told).to_contain_text(re.compile("Is tried again .* after [0-9]+ attempt"))
    expect(told.locator(".why")).not_to_be_empty()


def test_a_run_has_its_alerts_its_rules_and_both_in_its_timeline(
    server: ServerProcess, page: Page, api: Api, told_experiment: str, told_run: str
) -> None:
    create_rule(api, experiment_id=told_experiment, name="For all", run_failed={})
    create_rule(api, run_id=api.create_run(told_experiment), name="For another", run_failed={})
    raise_alert(api, run_id=told_run, title="Plateau", level=WARN)
    page.goto(f"{server.http}/#/runs/{told_run}")
    timeline = page.get_by_role("region", name="Timeline")
    expect(timeline.locator("li.warn")).to_contain_text("Warning: Plateau")
    expect(bell(page)).to_have_accessible_name("Alerts, 1 new")
    raise_alert(api, run_id=told_run, title="Burning", level=ERROR)
    look(page)
    expect(timeline.locator("li.bad")).to_contain_text("Error: Burning")
    page.get_by_role("tab", name="Alerts").click()
    expect(page.locator(".rules strong")).to_have_text(["For all"])
    page.get_by_role("button", name="New rule").click()
    form = page.get_by_role("dialog", name="New rule for this run")
    form.get_by_label("Tell when").select_option("A run ends")
    form.get_by_role("button", name="Create").click()
    expect(page.locator(".rules > li").last).to_contain_text("Only this run")
    assert rules_of(api, told_experiment)[-1].run_id == told_run
    told = page.locator("main .alerts strong")
    expect(told).to_have_text(["Burning", "Plateau"])
    with TrackingClient(server.uri) as client:
        client.set_terminated(told_run)
    wait_for_alerts(api, 3, run_id=told_run)  # the server raises one by itself
    look(page)
    expect(told).to_have_text(["Run ended", "Burning", "Plateau"])


def test_older_alerts_are_read_when_they_are_asked_for(
    server: ServerProcess, page: Page, api: Api, told_experiment: str
) -> None:
    for number in range(55):
        raise_alert(api, experiment_id=told_experiment, title=f"Alert {number}")
    page.goto(f"{server.http}/#/experiments/{told_experiment}/alerts")
    told = page.locator("main .alerts > li")
    expect(told).to_have_count(50)
    expect(bell(page)).to_have_accessible_name("Alerts, 50+ new")
    page.get_by_role("button", name="Show older").click()
    expect(told).to_have_count(55)
    expect(told.last).to_contain_text("Alert 0")
    expect(page.get_by_role("button", name="Show older")).to_have_count(0)


def test_a_run_that_goes_on_keeps_the_older_alerts_and_asks_for_none(
    server: ServerProcess, page: Page, api: Api, told_run: str
) -> None:
    for number in range(55):
        raise_alert(api, run_id=told_run, title=f"Alert {number}")
    asked: list[str] = []
    page.goto(f"{server.http}/#/runs/{told_run}?tab=alerts")
    expect(bell(page)).to_have_accessible_name("Alerts, 50+ new")
    page.get_by_role("button", name="Show older").dblclick()
    told = page.locator("main .alerts > li")
    expect(told).to_have_count(55)
    page.on("request", lambda request: asked.append(request.url))
    with TrackingClient(server.uri) as client:
        for number in range(3):
            client.update_run(told_run, name=f"renamed {number}")
            expect(page.get_by_role("heading", level=1)).to_have_text(f"renamed {number}")
    expect(told).to_have_count(55)
    assert [url for url in asked if "run_id=" in url] == []


def test_axe_finds_nothing_in_the_list_and_the_form(
    server: ServerProcess, page: Page, api: Api, told_experiment: str, told_run: str
) -> None:
    for level in (INFO, WARN, ERROR):
        raise_alert(api, run_id=told_run, title=f"Level {level}", text="x " * 500, level=level)
    create_rule(api, experiment_id=told_experiment, name="W" * 250, run_failed={})
    page.set_viewport_size({"width": 400, "height": 800})
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        page.goto(f"{server.http}/#/experiments/{told_experiment}/alerts")
        expect(page.locator("main .alerts > li")).to_have_count(3)
        bell(page).click()
        expect(newest(page).locator(".alerts > li")).to_have_count(3)
        check(page)
        page.keyboard.press("Escape")
        page.get_by_role("button", name="New rule").click()
        form = page.get_by_role("dialog")
        form.get_by_label("Webhooks").fill("https://a/b")
        form.get_by_role("button", name="Make one").click()
        form.get_by_role("button", name="Create").click()
        expect(form.get_by_role("alert")).to_be_visible()
        check(page)
        page.keyboard.press("Escape")
        page.reload()


def check(page: Page) -> None:
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    wide = page.evaluate(
        "[document.documentElement, document.querySelector('main')].map(e => e.scrollWidth)"
    )
    assert max(wide) <= 400
