"""Rules of alerts: made, changed and deleted by who may write."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from runstream import TrackingClient
from support.alerts import rules_of
from support.api import Api
from support.server_process import ServerProcess
from support.web_alerts import ERROR, WARN, bell, newest
from web.conftest import CHROMIUM


@pytest.mark.usefixtures("told_run")
def test_a_rule_is_made_changed_switched_off_and_deleted(
    server: ServerProcess, page: Page, api: Api, told_experiment: str
) -> None:
    page.goto(f"{server.http}/#/experiments/{told_experiment}")
    page.get_by_role("link", name="Alerts", exact=True).click()
    expect(page).to_have_title("Alerts of told of · Runstream")
    page.get_by_role("button", name="New rule").click()
    form = page.get_by_role("dialog")
    metric = form.get_by_label("Metric")
    form.get_by_role("button", name="Create").click()
    expect(form.get_by_role("alert")).to_have_text("Choose the metric that is to be watched.")
    expect(metric).to_be_focused()
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
    (made,) = rules_of(api, told_experiment)
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
    (changed,) = rules_of(api, told_experiment)
    assert (changed.run_silent.minutes, changed.enabled, changed.level) == (45, False, ERROR)
    assert changed.rule_id == made.rule_id
    page.get_by_role("button", name="Switch on Asleep").click()
    page.get_by_role("button", name="Delete Asleep").click()
    form.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("No rules yet.")).to_be_visible()
    assert rules_of(api, told_experiment) == []


def test_every_condition_is_chosen_and_comes_back(
    server: ServerProcess, page: Page, api: Api, told_experiment: str
) -> None:
    page.goto(f"{server.http}/#/experiments/{told_experiment}/alerts")
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
    made = rules_of(api, told_experiment)
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
