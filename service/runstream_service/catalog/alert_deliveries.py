"""What is delivered of alerts: an outbox, whose rows are written with the alert."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import Any

from runstream_service.catalog.alert_rules import destinations_of
from runstream_service.engine.statements import ANY_IDS, Statement, array_of
from runstream_service.engine.tables import Alert, AlertDelivery, AlertRule

#: Deliveries of one experiment that wait at the most. Beyond this, new ones fail at once.
MAX_PENDING = 1_000


class DeliveryState(IntEnum):
    """How far a delivery is."""

    PENDING = 1
    DELIVERED = 2
    FAILED = 3


_PENDING = Statement(
    AlertDelivery.select(AlertDelivery.id)
    .join(Alert)
    .where((AlertDelivery.state == 0) & (Alert.experiment == 0))
    .limit(0)
)
_OF_ALERTS = Statement(
    AlertDelivery.select().where(AlertDelivery.alert.in_(ANY_IDS)).order_by(AlertDelivery.id)
)


def insert(alert: Alert, rules: Iterable[AlertRule]) -> None:
    """Have the destinations of rules told of a new alert."""
    pending = -1
    for rule in rules:
        urls, addresses = destinations_of(rule)
        for destination in (*urls, *addresses):
            if pending < 0:
                pending = len(
                    _PENDING.rows(DeliveryState.PENDING, alert.experiment_id, MAX_PENDING)
                )
            is_full = pending >= MAX_PENDING
            AlertDelivery.create(
                alert=alert,
                rule=rule,
                destination=destination,
                state=DeliveryState.FAILED if is_full else DeliveryState.PENDING,
                attempts=0,
                time=alert.creation_time,
                error=f"{MAX_PENDING:,} deliveries of the experiment wait" if is_full else "",
            )
            pending += not is_full


def drop_pending(rule: int) -> None:
    """Give up what is still to be delivered of a rule that is deleted now."""
    AlertDelivery.update(state=DeliveryState.FAILED, error="the rule was deleted").where(
        (AlertDelivery.rule == rule) & (AlertDelivery.state == DeliveryState.PENDING)
    ).execute()


def of_alerts(alerts: Sequence[int]) -> dict[int, list[Any]]:
    """Return the deliveries of alerts, by their internal ids."""
    found: dict[int, list[Any]] = {alert: [] for alert in alerts}
    for delivery in _OF_ALERTS.models(AlertDelivery, array_of(alerts)):
        found[delivery.alert_id].append(delivery)
    return found
