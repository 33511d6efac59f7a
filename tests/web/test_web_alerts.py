"""Alerts: the bell, the pages of alerts and rules, notifications, and the timeline of a run."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from runstream import TrackingClient
from runstream.v1.alert_pb2 import AlertLevel
from support.alerts import create_rule, raise_alert, rules_of
from support.api import Api
from support.server_process import ServerProcess
from web.conftest import CHROMIUM

INFO, WARN, ERROR = AlertLevel.values()[1:]

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
def experiment(api: Api) -> str:
    return api.create_experiment("told of")


@pytest.fixture
def run_id(server: ServerProcess, experiment: str) -> str:
    with TrackingClient(server.uri) as client:
        run_id = client.create_run(experiment, run_name="deep").info.run_id
        client.log_metric(run_id, "val_loss", 0.25, step=3)
        client.flush()
        return run_id


def bell(page: Page) -> Locator:
    return page.get_by_role("button", name=re.compile("^Alerts(,|$)"))


def newest(page: Page) -> Locator:
    return page.get_by_role("group", name="Newest alerts")


def look(page: Page) -> None:
    """Have the page ask for alerts now, as one does that is in sight again."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def test_the_bell_counts_what_was_not_seen_and_opens_the_newest(
    server: ServerProcess, page: Page, api: Api, experiment: str, run_id: str
) -> None:
    raise_alert(api, experiment_id=experiment, title="Old news")
    page.goto(server.http)
    expect(bell(page)).to_have_accessible_name("Alerts, 1 new")
    text = "word " * 200
    raise_alert(api, run_id=run_id, title="<b>Diverged", text=text, level=ERROR)
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

    page.goto(server.http)
    expect(page.get_by_label("Token")).to_be_visible()
    page.wait_for_timeout(1_500)
    assert of_alerts() == []
    sign_in("ada")
    expect(bell(page)).to_be_visible()
    page.wait_for_load_state("networkidle")
    asked.clear()
    page.evaluate(
        "for (let i = 0; i < 5; i++) document.dispatchEvent(new Event('visibilitychange'))"
    )
    page.wait_for_timeout(500)
    assert len(of_alerts()) == 1


def test_deliveries_say_how_they_went(
    server: ServerProcess, page: Page, api: Api, experiment: str
) -> None:
    # There is no such name.
    create_rule(
        api,
        experiment_id=experiment,
        name="send on",
        alert_raised={},
        destinations={"webhook_urls": ["https://nowhere.invalid/hook"]},
        webhook_secret=f"whsec_{'A' * 32}",
    )
    raise_alert(api, experiment_id=experiment, title="Sent on")
    page.goto(f"{server.http}/#/experiments/{experiment}/alerts")
    told = page.get_by_role("list", name="Who was told")
    expect(told).to_contain_text("https://nowhere.invalid/hook")
    expect(told).to_contain_text(re.compile("Is tried again .* after [0-9]+ attempt"))
    expect(told.locator(".why")).not_to_be_empty()


@pytest.mark.usefixtures("run_id")
def test_a_rule_is_made_changed_switched_off_and_deleted(
    server: ServerProcess, page: Page, api: Api, experiment: str
) -> None:
    page.goto(f"{server.http}/#/experiments/{experiment}")
    page.get_by_role("link", name="Alerts", exact=True).click()
    expect(page).to_have_title("Alerts of told of · Runstream")
    page.get_by_role("button", name="New rule").click()
    form = page.get_by_role("dialog")
    metric = form.get_by_label("Metric")
    expect(form.locator("datalist option")).to_have_attribute("value", "val_loss")
    metric.fill("val_loss")
    metric.blur()
    expect(form.get_by_text("Runs end at 0.25.")).to_be_visible()
    form.get_by_label("Threshold").fill("much")
    form.get_by_role("button", name="Create").click()
    expect(form.get_by_role("alert")).to_have_text("A threshold is a number, such as 0.5 or 1e-3.")
    expect(form.get_by_label("Threshold")).to_be_focused()
    form.get_by_label("Threshold").fill("1e-3")
    form.get_by_role("button", name="Create").click()
    rule = page.locator(".rules > li")
    expect(rule).to_contain_text("val_loss above 0.001")
    expect(rule).to_contain_text("▲ Warning")
    (made,) = rules_of(api, experiment)
    assert (made.metric_above.metric_key, made.metric_above.threshold) == ("val_loss", 1e-3)

    page.get_by_role("button", name="Edit val_loss above 0.001").click()
    form.get_by_label("Tell when").select_option("A run has no news")
    expect(form).to_contain_text("no points, params, tags or console")
    form.get_by_label("Minutes").fill("0")
    form.get_by_label("Name").fill("Asleep")
    form.get_by_label("Level").select_option("Error")
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_label("Minutes")).to_have_attribute("aria-invalid", "true")
    expect(form.get_by_role("alert")).to_contain_text("1 to 10080")
    form.get_by_label("Minutes").fill("45")
    form.get_by_role("button", name="Save").click()
    expect(rule).to_contain_text("Asleep")
    expect(rule).to_contain_text("No news for 45 min")

    page.get_by_role("button", name="Switch off Asleep").click()
    expect(page.get_by_role("button", name="Switch on Asleep")).to_be_visible()
    (changed,) = rules_of(api, experiment)
    assert (changed.run_silent.minutes, changed.enabled, changed.level) == (45, False, ERROR)
    assert changed.rule_id == made.rule_id
    page.get_by_role("button", name="Switch on Asleep").click()
    page.get_by_role("button", name="Delete Asleep").click()
    form.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("No rules yet.")).to_be_visible()
    assert rules_of(api, experiment) == []


def test_every_condition_is_chosen_and_comes_back(
    server: ServerProcess, page: Page, api: Api, experiment: str
) -> None:
    page.goto(f"{server.http}/#/experiments/{experiment}/alerts")
    chosen: dict[str, Any] = {
        "A metric is below a threshold": {"Metric": "acc", "Threshold": "-inf"},
        "A metric is NaN": {},
        "A run ends": {},
        "A run fails": {},
        "A program raises an alert": {},
    }
    form = page.get_by_role("dialog")
    for number, (name, fields) in enumerate(chosen.items(), 1):
        page.get_by_role("button", name="New rule").click()
        form.get_by_label("Tell when").select_option(name)
        for label, value in fields.items():
            form.get_by_label(label).fill(value)
        if name.startswith("A program"):
            form.get_by_label("Of this level or above").select_option("Warning")
        form.get_by_role("button", name="Create").click()
        expect(page.locator(".rules > li")).to_have_count(number)
    expect(page.locator(".rules strong")).to_have_text(
        [
            "acc below −∞",
            "Any metric is NaN",
            "Run ended",
            "Run failed",
            "Raised by a program, warning or above",
        ]
    )
    made = rules_of(api, experiment)
    kinds = [rule.WhichOneof("condition") for rule in made]
    assert kinds == ["metric_below", "metric_nan", "run_ended", "run_failed", "alert_raised"]
    assert made[0].metric_below.threshold == float("-inf")
    assert made[4].alert_raised.min_level == WARN


def test_a_secret_is_made_in_the_browser_and_shown_once(
    start_server: Callable[..., ServerProcess], browser: Browser, connect: Callable[[str], Api]
) -> None:
    """On a page that came over plain HTTP from another machine, where there is no clipboard."""
    server = start_server(RUNSTREAM_HTTP_PORT="0", RUNSTREAM_ALLOWED_HOSTS="trainer")
    rules = "--host-resolver-rules=MAP trainer 127.0.0.1"
    other = browser.browser_type.launch(executable_path=CHROMIUM, args=["--no-sandbox", rules])
    page = other.new_page()
    page.set_default_timeout(20_000)
    page.goto(f"http://trainer:{urlsplit(server.http).port}/#/experiments/0/alerts")
    assert page.evaluate("isSecureContext") is False
    page.get_by_role("button", name="New rule").click()
    form = page.get_by_role("dialog")
    form.get_by_label("Tell when").select_option("A run fails")
    create = form.get_by_role("button", name="Create")
    webhooks, secret = form.get_by_label("Webhooks"), form.get_by_label("Secret", exact=True)
    webhooks.fill("http://127.0.0.1:9/hook")
    create.click()
    expect(webhooks).to_have_attribute("aria-invalid", "true")
    expect(form.get_by_role("alert")).to_contain_text("this machine or a private network")
    webhooks.fill("https://hooks.example.com/a\nhttps://hooks.example.com/b")
    create.click()
    expect(secret).to_have_attribute("aria-invalid", "true")
    form.get_by_role("button", name="Make one").click()
    made = secret.input_value()
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", made)
    form.get_by_role("button", name="Copy: Secret").click()
    expect(form.get_by_role("button", name="Copy: Secret")).to_have_text("Copied")
    emails = form.get_by_label("E-mail")
    emails.fill("ada@example.com")
    create.click()
    expect(emails).to_have_attribute("aria-invalid", "true")
    expect(form.get_by_role("alert")).to_contain_text("sends no e-mail")
    emails.fill("")
    create.click()
    expect(form).to_have_count(0)
    (rule,) = rules_of(connect(server.address), "0")
    assert len(rule.destinations.webhook_urls) == 2
    page.get_by_role("button", name="Edit Run failed").click()
    expect(secret).to_have_value("")
    expect(form).to_contain_text("The rule has one")
    secret.fill("whsec_short")
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_role("alert")).to_contain_text("whsec_ and the base64")
    secret.fill("")
    secret.press("Control+v")
    expect(secret).to_have_value(made)
    form.get_by_role("button", name="Cancel").click()
    bell(page).click()
    expect(newest(page).get_by_label("Notify me in this browser")).to_be_disabled()
    expect(newest(page)).to_contain_text("over HTTPS or from this machine")
    other.close()


def test_readers_see_rules_and_alerts_without_buttons(
    server: ServerProcess,
    page: Page,
    tokens: dict[str, str],
    sign_in: Callable[[str], None],
) -> None:
    with TrackingClient(server.uri, tokens["ada"]) as ada:
        experiment = ada.create_experiment("of Ada")
        ada.set_grant(experiment, "user:eve", "reader")
    sign_in("ada")
    page.goto(f"{server.http}/#/experiments/{experiment}/alerts")
    page.get_by_role("button", name="New rule").click()
    page.get_by_role("dialog").get_by_label("Tell when").select_option("A run ends")
    page.get_by_role("dialog").get_by_role("button", name="Create").click()
    expect(page.locator(".rules > li")).to_contain_text("by ada")
    expect(page.locator(".rules button")).to_have_count(3)
    sign_in("eve")
    page.goto(f"{server.http}/#/experiments/{experiment}/alerts")
    expect(page.locator(".rules > li")).to_contain_text("Run ended")
    expect(page.get_by_role("button", name=re.compile("rule|Edit|Switch|Delete"))).to_have_count(0)


def test_a_run_has_its_alerts_its_rules_and_both_in_its_timeline(
    server: ServerProcess, page: Page, api: Api, experiment: str, run_id: str
) -> None:
    create_rule(api, experiment_id=experiment, name="For all", run_failed={})
    create_rule(api, run_id=api.create_run(experiment), name="For another", run_failed={})
    raise_alert(api, run_id=run_id, title="Plateau", level=WARN)
    page.goto(f"{server.http}/#/runs/{run_id}")
    timeline = page.get_by_role("region", name="Timeline")
    expect(timeline.locator("li.warn")).to_contain_text("Warning: Plateau")
    expect(bell(page)).to_have_accessible_name("Alerts, 1 new")
    raise_alert(api, run_id=run_id, title="Burning", level=ERROR)
    look(page)
    expect(timeline.locator("li.bad")).to_contain_text("Error: Burning")
    page.get_by_role("tab", name="Alerts").click()
    expect(page.locator(".rules strong")).to_have_text(["For all"])
    page.get_by_role("button", name="New rule").click()
    form = page.get_by_role("dialog", name="New rule for this run")
    form.get_by_label("Tell when").select_option("A run ends")
    form.get_by_role("button", name="Create").click()
    expect(page.locator(".rules > li").last).to_contain_text("Only this run")
    assert rules_of(api, experiment)[-1].run_id == run_id
    told = page.locator("main .alerts strong")
    expect(told).to_have_text(["Burning", "Plateau"])
    with TrackingClient(server.uri) as client:
        client.set_terminated(run_id)
    look_until(page, told, ["Run ended", "Burning", "Plateau"])


def look_until(page: Page, told: Locator, expected: list[str]) -> None:
    """Wait for alerts that the server raises by itself."""
    for _ in range(40):
        look(page)
        page.wait_for_timeout(250)
        if told.all_inner_texts() == expected:
            break
    expect(told).to_have_text(expected)


def test_older_alerts_are_read_when_they_are_asked_for(
    server: ServerProcess, page: Page, api: Api, experiment: str
) -> None:
    for number in range(55):
        raise_alert(api, experiment_id=experiment, title=f"Alert {number}")
    page.goto(f"{server.http}/#/experiments/{experiment}/alerts")
    told = page.locator("main .alerts > li")
    expect(told).to_have_count(50)
    expect(bell(page)).to_have_accessible_name("Alerts, 50+ new")
    page.get_by_role("button", name="Show older").click()
    expect(told).to_have_count(55)
    expect(told.last).to_contain_text("Alert 0")
    expect(page.get_by_role("button", name="Show older")).to_have_count(0)


def test_a_run_that_goes_on_keeps_the_older_alerts_and_asks_for_none(
    server: ServerProcess, page: Page, api: Api, run_id: str
) -> None:
    for number in range(55):
        raise_alert(api, run_id=run_id, title=f"Alert {number}")
    asked: list[str] = []
    page.goto(f"{server.http}/#/runs/{run_id}?tab=alerts")
    expect(bell(page)).to_have_accessible_name("Alerts, 50+ new")
    page.get_by_role("button", name="Show older").dblclick()
    told = page.locator("main .alerts > li")
    expect(told).to_have_count(55)
    page.on("request", lambda request: asked.append(request.url))
    with TrackingClient(server.uri) as client:
        for number in range(3):
            client.update_run(run_id, name=f"renamed {number}")
            expect(page.get_by_role("heading", level=1)).to_have_text(f"renamed {number}")
    expect(told).to_have_count(55)
    assert [url for url in asked if "run_id=" in url] == []


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
    run_id: str,
    notified: Callable[[Page], list[list[str]]],
) -> None:
    raise_alert(api, run_id=run_id, title="Before", level=ERROR)
    page.goto(server.http)
    bell(page).click()
    switch = newest(page).get_by_label("Notify me in this browser")
    switch.check()
    newest(page).get_by_label("Notify of").select_option("Warning and above")
    expect(newest(page)).to_contain_text("Before")
    other = page.context.new_page()
    with other.expect_response("**/runstream/alerts?*"):
        other.goto(server.http)
    raise_alert(api, run_id=run_id, title="Only good to know", level=INFO)
    raise_alert(api, run_id=run_id, title="Diverged", text="at step 9", level=ERROR)
    for one in (page, other):
        with one.expect_response("**/runstream/alerts?*"):
            look(one)
        one.wait_for_timeout(500)
    assert notified(page) + notified(other) == [["Diverged", "deep\nat step 9"]]
    teller = page if notified(page) else other
    teller.evaluate("notified[0].notification.onclick()")
    expect(teller.get_by_role("heading", level=1)).to_have_text("deep")
    other.close()
    page.reload()
    bell(page).click()
    expect(switch).to_be_checked()
    expect(newest(page)).to_contain_text("Diverged")
    assert notified(page) == []
    switch.uncheck()
    raise_alert(api, run_id=run_id, title="Not told", level=ERROR)
    look(page)
    expect(newest(page)).to_contain_text("Not told")
    assert notified(page) == []


def test_axe_finds_nothing_in_the_list_and_the_form(
    server: ServerProcess, page: Page, api: Api, experiment: str, run_id: str
) -> None:
    for level in (INFO, WARN, ERROR):
        raise_alert(api, run_id=run_id, title=f"Level {level}", text="x " * 500, level=level)
    create_rule(api, experiment_id=experiment, name="W" * 250, run_failed={})
    page.set_viewport_size({"width": 400, "height": 800})
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        page.goto(f"{server.http}/#/experiments/{experiment}/alerts")
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
