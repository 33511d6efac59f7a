"""Alerts and rules by `TrackingClient` and over REST: rows N1 and N2 of docs/behaviour.md."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from runstream import TrackingClient
from runstream.errors import FailedPrecondition, InvalidArgument
from support.alerts import SECRET
from support.server_process import ServerProcess

HOOK = "https://hooks.example.com/"


def test_rules_are_made_changed_listed_and_deleted(client: TrackingClient) -> None:
    experiment = client.create_experiment("e")
    above = client.create_alert_rule(
        "bad",
        "metric_above",
        experiment_id=experiment,
        metric_key="loss",
        threshold=2,
        level="error",
        webhook_urls=[HOOK],
        webhook_secret=SECRET,
    )
    assert (above.condition, above.metric_key, above.threshold) == ("metric_above", "loss", 2)
    assert (above.level, above.enabled, above.webhook_urls) == ("ERROR", True, (HOOK,))
    run_id = client.create_run(experiment).info.run_id
    silent = client.create_alert_rule("quiet", "run_silent", run_id=run_id, minutes=5)
    assert (silent.minutes, silent.run_id, silent.level) == (5, run_id, "WARN")
    raised = client.create_alert_rule(
        "raised", "alert_raised", experiment_id=experiment, min_level="WARN"
    )
    assert (raised.min_level, raised.threshold, raised.minutes) == ("WARN", None, None)
    assert client.list_alert_rules(experiment) == [above, silent, raised]
    changed = client.update_alert_rule(above.rule_id, enabled=False, name="worse")
    assert (changed.name, changed.enabled, changed.webhook_urls) == ("worse", False, (HOOK,))
    assert client.update_alert_rule(above.rule_id, webhook_urls=[]).webhook_urls == ()
    client.delete_alert_rule(silent.rule_id)
    assert [rule.name for rule in client.list_alert_rules(experiment)] == ["worse", "raised"]


def test_what_no_condition_has_is_refused_before_it_is_sent(client: TrackingClient) -> None:
    with pytest.raises(InvalidArgument, match="one of metric_above, metric_below"):
        client.create_alert_rule("r", "metric_equals", experiment_id="0")
    with pytest.raises(
        InvalidArgument, match="'of run_silent' supplied: it must be one of minutes"
    ):
        client.create_alert_rule("r", "run_silent", experiment_id="0", threshold=1)
    with pytest.raises(InvalidArgument, match="INFO, WARN, ERROR"):
        client.create_alert_rule("r", "run_ended", experiment_id="0", level="FATAL")
    with pytest.raises(FailedPrecondition, match="--smtp-url"):
        client.create_alert_rule("r", "run_ended", experiment_id="0", email_addresses=["a@b"])


def test_alerts_are_listed_with_the_points_that_they_are_about(client: TrackingClient) -> None:
    experiment = client.create_experiment("e")
    rule = client.create_alert_rule(
        "nan", "metric_nan", experiment_id=experiment, metric_key="loss"
    )
    run_id = client.create_run(experiment).info.run_id
    client.alert(run_id, "soon", "it is unstable", level="WARN")
    client.flush()
    client.log_metric(run_id, "loss", float("nan"), step=7)
    client.flush()
    (nan, soon) = client.list_alerts(run_id=run_id)
    assert (soon.title, soon.text, soon.level, soon.step) == (
        "soon",
        "it is unstable",
        "WARN",
        None,
    )
    assert (nan.rule_id, nan.metric_key, nan.step) == (rule.rule_id, "loss", 7)
    assert nan.value != nan.value
    assert [alert.title for alert in client.list_alerts(experiment)] == ["nan", "soon"]
    assert list(client.list_alerts(since=nan.creation_time + 1)) == []


def test_alerts_have_routes(start_server: Callable[..., ServerProcess]) -> None:
    server = start_server(RUNSTREAM_HTTP_PORT="0")
    url = f"{server.http}/api/1.0/runstream"
    asked: dict[str, Any] = {
        "experiment_id": "0",
        "name": "r",
        "metric_above": {"metric_key": "a", "threshold": 1},
    }
    rule = requests.post(f"{url}/alert-rules", json=asked, timeout=30).json()["rule"]
    assert rule["metric_above"] == {"metric_key": "a", "threshold": 1}
    of_it = f"{url}/alert-rules/{rule['rule_id']}"
    changed = requests.patch(of_it, json={"run_failed": {}}, timeout=30).json()["rule"]
    assert "run_failed" in changed
    listing = {"experiment_id": "0"}
    listed = requests.get(f"{url}/alert-rules", params=listing, timeout=30).json()["rules"]
    assert listed == [changed]
    asked = {"experiment_id": "0", "title": "t", "level": "ALERT_LEVEL_ERROR"}
    alert = requests.post(f"{url}/alerts", json=asked, timeout=30).json()["alert"]
    for params in ({}, listing):
        found = requests.get(f"{url}/alerts", params=params, timeout=30).json()["alerts"]
        assert found == [alert]
    assert requests.delete(of_it, timeout=30).status_code == 200
    assert not requests.get(f"{url}/alert-rules", params=listing, timeout=30).json().get("rules")
