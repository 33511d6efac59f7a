"""Rules and alerts by the stubs of a server."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from runstream.v1 import alert_service_pb2 as pb
from runstream.v1.alert_pb2 import Alert, AlertRule
from support.api import Api
from support.waiting import wait_until

#: A secret of webhooks.
SECRET = f"whsec_{base64.b64encode(bytes(range(32))).decode()}"


def create_rule(api: Api, **fields: Any) -> AlertRule:
    """Create a rule, which is called `rule` unless the fields say another name."""
    request = pb.CreateAlertRuleRequest(**{"name": "rule", **fields})
    return api.alerts.CreateAlertRule(request).rule


def update_rule(api: Api, rule: AlertRule, **fields: Any) -> AlertRule:
    """Change a rule."""
    request = pb.UpdateAlertRuleRequest(rule_id=rule.rule_id, **fields)
    return api.alerts.UpdateAlertRule(request).rule


def rules_of(api: Api, experiment_id: str) -> list[AlertRule]:
    """Return the rules of an experiment."""
    request = pb.ListAlertRulesRequest(experiment_id=experiment_id)
    return list(api.alerts.ListAlertRules(request).rules)


def raise_alert(api: Api, **fields: Any) -> Alert:
    """Raise an alert."""
    return api.alerts.CreateAlert(pb.CreateAlertRequest(**fields)).alert


def alerts_of(api: Api, **fields: Any) -> list[Alert]:
    """Return all alerts that a request finds, newest first, from however many pages."""
    request = pb.ListAlertsRequest(**fields)
    found: list[Alert] = []
    while True:
        answer = api.alerts.ListAlerts(request)
        found += answer.alerts
        if not answer.next_page_token:
            return found
        request.page_token = answer.next_page_token


def wait_for_alerts(
    api: Api, count: int, is_good: Callable[[Alert], bool] = lambda _: True, **fields: Any
) -> list[Alert]:
    """Return the alerts that a request finds, once they are so many and all good."""
    found: list[Alert] = []

    def are_there() -> bool:
        found[:] = alerts_of(api, **fields)
        return len(found) >= count and all(map(is_good, found))

    wait_until(are_there, 30)
    return found
