"""Alerts, and the rules that tell of them."""

from __future__ import annotations

from dataclasses import dataclass

from runstream.v1 import alert_pb2
from runstream.v1.alert_pb2 import AlertDeliveryState, AlertLevel

_LEVEL, _STATE = "ALERT_LEVEL_", "ALERT_DELIVERY_STATE_"


@dataclass(frozen=True)
class AlertDelivery:
    """One destination that is told of an alert.

    Attributes:
        destination: a URL of a webhook, or an address of e-mail.
        state: `PENDING`, `DELIVERED` or `FAILED`.
        attempts: how often it was tried.
        time: when it is tried next while it is pending, else when it was tried last; milliseconds
            since the epoch.
        error: why the last attempt failed; "" if it did not.
    """

    destination: str
    state: str
    attempts: int
    time: int
    error: str


@dataclass(frozen=True)
class Alert:
    """Something that happened to a run or an experiment.

    Attributes:
        alert_id: 32 hexadecimal digits.
        experiment_id: the experiment.
        run_id: the run; "" if it is of the experiment.
        run_name: the name of the run, as it is now.
        rule_id: the rule that tells, which may be gone; "" if a program raised it.
        title: what happened.
        text: more about it.
        level: `INFO`, `WARN` or `ERROR`.
        creation_time: when the server stored it, in milliseconds since the epoch.
        metric_key: the metric that it is about; "" if none.
        step: the step of the point that it is about.
        value: the value of that point.
        created_by: who raised it; "" if a rule did, or the server did not know.
        deliveries: how far its destinations have been told.
    """

    alert_id: str
    experiment_id: str
    run_id: str
    run_name: str
    rule_id: str
    title: str
    text: str
    level: str
    creation_time: int
    metric_key: str
    step: int | None
    value: float | None
    created_by: str
    deliveries: tuple[AlertDelivery, ...]

    @classmethod
    def from_proto(cls, message: alert_pb2.Alert) -> Alert:
        """Convert the message of the contract."""
        return cls(
            alert_id=message.alert_id,
            experiment_id=message.experiment_id,
            run_id=message.run_id,
            run_name=message.run_name,
            rule_id=message.rule_id,
            title=message.title,
            text=message.text,
            level=AlertLevel.Name(message.level).removeprefix(_LEVEL),
            creation_time=message.creation_time,
            metric_key=message.metric_key,
            step=message.step if message.HasField("step") else None,
            value=message.value if message.HasField("value") else None,
            created_by=message.created_by,
            deliveries=tuple(
                AlertDelivery(
                    destination=each.destination,
                    state=AlertDeliveryState.Name(each.state).removeprefix(_STATE),
                    attempts=each.attempts,
                    time=each.time,
                    error=each.error,
                )
                for each in message.deliveries
            ),
        )


@dataclass(frozen=True)
class AlertRule:
    """When somebody is told of the runs of an experiment, or of one run.

    Attributes:
        rule_id: 32 hexadecimal digits.
        experiment_id: the experiment whose runs it judges, or that of the run.
        run_id: the only run that it judges; "" if it judges all.
        name: what it is called, and the title of its alerts.
        level: of its alerts, `INFO`, `WARN` or `ERROR`.
        enabled: whether it judges.
        condition: `metric_above`, `metric_below`, `metric_nan`, `run_silent`, `run_ended`,
            `run_failed` or `alert_raised`.
        metric_key: the metric that the condition is about; "" for any, or none.
        threshold: of `metric_above` and `metric_below`.
        minutes: of `run_silent`.
        min_level: of `alert_raised`.
        webhook_urls: whom it tells.
        email_addresses: whom it tells.
        creation_time: milliseconds since the epoch.
        last_update_time: milliseconds since the epoch.
        created_by: who created it; "" if the server did not know.
    """

    rule_id: str
    experiment_id: str
    run_id: str
    name: str
    level: str
    enabled: bool
    condition: str
    metric_key: str
    threshold: float | None
    minutes: int | None
    min_level: str | None
    webhook_urls: tuple[str, ...]
    email_addresses: tuple[str, ...]
    creation_time: int
    last_update_time: int
    created_by: str

    @classmethod
    def from_proto(cls, message: alert_pb2.AlertRule) -> AlertRule:
        """Convert the message of the contract."""
        condition = message.WhichOneof("condition") or ""
        given = getattr(message, condition, None)
        min_level = getattr(given, "min_level", None)
        return cls(
            rule_id=message.rule_id,
            experiment_id=message.experiment_id,
            run_id=message.run_id,
            name=message.name,
            level=AlertLevel.Name(message.level).removeprefix(_LEVEL),
            enabled=message.enabled,
            condition=condition,
            metric_key=getattr(given, "metric_key", ""),
            threshold=getattr(given, "threshold", None),
            minutes=getattr(given, "minutes", None),
            min_level=min_level and AlertLevel.Name(min_level).removeprefix(_LEVEL),
            webhook_urls=tuple(message.destinations.webhook_urls),
            email_addresses=tuple(message.destinations.email_addresses),
            creation_time=message.creation_time,
            last_update_time=message.last_update_time,
            created_by=message.created_by,
        )
