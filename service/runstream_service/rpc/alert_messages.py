"""Alerts and their rules as messages of the contract."""

from __future__ import annotations

from urllib.parse import urlsplit

from runstream.v1.alert_pb2 import (
    Alert,
    AlertDelivery,
    AlertDeliveryState,
    AlertDestinations,
    AlertLevel,
    AlertRule,
)
from runstream_service.catalog.alert_rules import (
    ConditionKind,
    StoredRule,
    condition_of,
    destinations_of,
)
from runstream_service.catalog.alerts import StoredAlert


def alert_rule(stored: StoredRule) -> AlertRule:
    """Return a rule as a message."""
    row = stored.row
    urls, addresses = destinations_of(row)
    message = AlertRule(
        rule_id=row.uuid,
        experiment_id=str(row.experiment_id),
        run_id=stored.run_id,
        name=row.name,
        level=AlertLevel.ValueType(row.level),
        enabled=row.enabled,
        destinations=AlertDestinations(
            webhook_urls=[_shown(url, stored.is_writer) for url in urls],
            email_addresses=addresses,
        ),
        creation_time=row.creation_time,
        last_update_time=row.last_update_time,
        created_by=row.created_by,
    )
    kind, metric_key, bound = condition_of(row)
    condition = getattr(message, kind.name.lower())
    condition.SetInParent()
    if metric_key:
        condition.metric_key = metric_key
    if kind in (ConditionKind.METRIC_ABOVE, ConditionKind.METRIC_BELOW):
        condition.threshold = bound
    elif kind is ConditionKind.RUN_SILENT:
        condition.minutes = int(bound)
    elif kind is ConditionKind.ALERT_RAISED:
        condition.min_level = AlertLevel.ValueType(int(bound))
    return message


def alert(stored: StoredAlert) -> Alert:
    """Return an alert as a message."""
    row = stored.row
    run_id, run_name = stored.run
    return Alert(
        alert_id=row.uuid,
        experiment_id=str(row.experiment_id),
        run_id=run_id,
        run_name=run_name,
        rule_id=row.rule_uuid,
        title=row.title,
        text=row.text,
        level=AlertLevel.ValueType(row.level),
        creation_time=row.creation_time,
        metric_key=row.metric_key,
        step=row.step,
        value=row.value,
        created_by=row.created_by,
        deliveries=[
            AlertDelivery(
                destination=_shown(delivery.destination, stored.is_writer),
                state=AlertDeliveryState.ValueType(delivery.state),
                attempts=delivery.attempts,
                time=delivery.time,
                error=delivery.error,
            )
            for delivery in stored.deliveries
        ],
    )


def _shown(destination: str, is_writer: bool) -> str:
    """Return a destination as somebody may see it: of a URL only writers see path and query."""
    if is_writer or "://" not in destination:
        return destination
    parts = urlsplit(destination)
    return f"{parts.scheme}://{parts.netloc}/"
