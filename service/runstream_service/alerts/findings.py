"""What a rule has found becomes an alert."""

from __future__ import annotations

import secrets
from typing import NamedTuple

from runstream_service.alerts.rule_book import Rule
from runstream_service.catalog import alerts
from runstream_service.catalog.alert_rules import AlertLevel, condition_of
from runstream_service.catalog.alerts import NewAlert
from runstream_service.engine.statements import LockingStatement
from runstream_service.engine.tables import AlertRule, Run

_RULE = LockingStatement(
    AlertRule.select().where((AlertRule.id == 0) & AlertRule.enabled), shared=True
)


class Point(NamedTuple):
    """The point that a rule has found."""

    metric_key: str
    step: int
    value: float


def tell(rule: Rule, run: Run, what: str, point: Point | None = None) -> bool:
    """Raise the alert of a rule.

    Args:
        rule: the rule, as it is in memory.
        run: the run.
        what: what happened to it, a part of a sentence.
        point: the point that it is about.

    Returns:
        False, if the rule does not judge as it does in memory: then there is no alert.
    """
    for row in _RULE.models(AlertRule, rule.id):
        is_for_run = row.experiment_id == run.experiment_id and row.run_id in (None, run.id)
        if not is_for_run or condition_of(row) != rule.condition:
            return False
        alert = NewAlert(row.name, f"Run {run.name}: {what}.", AlertLevel(row.level), row.uuid)
        if point is not None:
            alert = alert._replace(**point._asdict())
        alerts.insert(run.experiment_id, run.id, alert, [row], uuid=secrets.token_hex(16))
        return True
    return False
