"""What grows with alerts, their rules and deliveries has a bound: rows N1 and N2."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from runstream.errors import FailedPrecondition
from runstream_service.access.caller import ANYONE
from runstream_service.catalog import alert_deliveries, alert_rule_updates, alert_rules, alerts
from runstream_service.catalog.alert_rules import Condition, ConditionKind, Destinations
from runstream_service.engine.catalog_writes import RaisedAlert
from runstream_service.engine.sqlite import SqliteEngine
from runstream_service.engine.store import Store, open_engine
from support.alerts import (
    SECRET,
)

HOOK = "https://hooks.example.com/a?b=c"


@pytest.mark.sqlite
def test_rules_alerts_and_deliveries_have_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N1, N2."""
    monkeypatch.setattr(alert_rule_updates, "MAX_RULES", 2)
    monkeypatch.setattr(alerts, "MAX_ALERTS", 3)
    monkeypatch.setattr(alerts, "REMOVE_EVERY", 1)
    monkeypatch.setattr(alerts, "_left", {})
    monkeypatch.setattr(alert_deliveries, "MAX_PENDING", 4)
    store = Store.open(SqliteEngine(tmp_path / "runs.db"))
    to = Destinations([HOOK, f"{HOOK}2"])
    condition = Condition(ConditionKind.ALERT_RAISED, bound=1)
    rule = alert_rule_updates.NewRule(
        "0", "", "r", alert_rules.AlertLevel.INFO, condition, to, SECRET
    )
    new = RaisedAlert("t", "", alert_rules.AlertLevel.INFO)
    with store.engine.connection_context(), store.engine.write_transaction():
        alert_rule_updates.create(ANYONE, rule, None)
        made = [alerts.create(ANYONE, "0", "", new, None) for _ in range(5)]
        states = [[delivery.state for delivery in alert.deliveries] for alert in made]
        assert states[:3] == [[1, 1], [1, 1], [3, 3]]
        kept = alerts.page(ANYONE, "0", "", 0, None, 10).alerts
        assert [alert.row.uuid for alert in kept] == [alert.row.uuid for alert in made[:1:-1]]
        alert_rule_updates.create(ANYONE, rule, None)
        with pytest.raises(FailedPrecondition, match="has 2 alert rules"):
            alert_rule_updates.create(ANYONE, rule, None)
    store.close()


def test_the_newest_alerts_are_kept_though_the_clock_is_set_back(
    tmp_path: Path, new_url: Callable[[], str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """N2."""
    monkeypatch.setattr(alerts, "MAX_ALERTS", 3)
    monkeypatch.setattr(alerts, "REMOVE_EVERY", 2)
    monkeypatch.setattr(alerts, "_left", {})
    moments = iter([5_000, 6_000, 7_000, 8_000, 1_000, 1_001, 1_002])
    monkeypatch.setattr(alerts, "now", lambda: next(moments))
    store = Store.open(open_engine(new_url() or f"sqlite:///{tmp_path}/runs.db"))
    with store.engine.connection_context(), store.engine.write_transaction():
        made = [
            alerts.create(
                ANYONE, "0", "", RaisedAlert(str(n), "", alert_rules.AlertLevel.INFO), None
            )
            for n in range(7)
        ]
        assert [alert.row.title for alert in made] == list("0123456")
        kept = alerts.page(ANYONE, "0", "", 0, None, 10).alerts
        assert {alert.row.title for alert in kept} == set("456")
    store.close()


def test_an_alert_has_a_bound_of_destinations_and_a_page_one_of_bytes(
    tmp_path: Path, new_url: Callable[[], str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """N2."""
    monkeypatch.setattr(alert_deliveries, "MAX_DESTINATIONS", 3)
    monkeypatch.setattr(alerts, "PAGE_BYTES", 6_000)
    store = Store.open(open_engine(new_url() or f"sqlite:///{tmp_path}/runs.db"))
    condition = Condition(ConditionKind.ALERT_RAISED, bound=1)
    info = alert_rules.AlertLevel.INFO
    with store.engine.connection_context(), store.engine.write_transaction():
        for number in range(3):
            to = Destinations([f"{HOOK}{number}", f"{HOOK}/{number}"])
            rule = alert_rule_updates.NewRule("0", "", "r", info, condition, to, SECRET)
            alert_rule_updates.create(ANYONE, rule, None)
        for number in range(5):
            new = RaisedAlert(str(number), "größe" * 300, info)
            made = alerts.create(ANYONE, "0", "", new, None)
            assert [each.state for each in made.deliveries] == [1, 1, 1, 3]
            assert made.deliveries[3].error == "an alert is delivered to 3 destinations"
        after, titles = None, []
        while True:
            page = alerts.page(ANYONE, "0", "", 0, after, 10)
            titles.append([alert.row.title for alert in page.alerts])
            after = alerts.position(page.alerts[-1])
            if not page.is_more:
                break
        assert titles == [["4", "3"], ["2", "1"], ["0"]]
    store.close()
