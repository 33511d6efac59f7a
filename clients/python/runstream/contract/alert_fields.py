"""What callers say of alerts and their rules, as the contract has it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from runstream.contract.messages import new_message
from runstream.errors import InvalidArgument
from runstream.v1 import alert_pb2
from runstream.v1.alert_pb2 import AlertDestinations, AlertLevel

_LEVEL = "ALERT_LEVEL_"

# The conditions of a rule, each with its message and the fields of that.
_CONDITIONS: Mapping[str, tuple[Any, tuple[str, ...]]] = {
    "metric_above": (alert_pb2.MetricAbove, ("metric_key", "threshold")),
    "metric_below": (alert_pb2.MetricBelow, ("metric_key", "threshold")),
    "metric_nan": (alert_pb2.MetricNan, ("metric_key",)),
    "run_silent": (alert_pb2.RunSilent, ("minutes",)),
    "run_ended": (alert_pb2.RunEnded, ()),
    "run_failed": (alert_pb2.RunFailed, ()),
    "alert_raised": (alert_pb2.AlertRaised, ("min_level",)),
}


def to_level(level: object) -> AlertLevel.ValueType:
    """Return the number of a level; raises InvalidArgument for an unknown name."""
    name = str(getattr(level, "value", level)).upper()
    levels = [key.removeprefix(_LEVEL) for key in AlertLevel.keys()[1:]]
    if name not in levels:
        raise _unknown_error("level", level, levels, "LEVEL_UNKNOWN")
    return AlertLevel.Value(_LEVEL + name)


def to_seconds(wait_duration: object) -> float:
    """Return for how long an alert is left out; raises InvalidArgument for what is no duration."""
    given = wait_duration
    if isinstance(given, timedelta):
        given = given.total_seconds()
    try:
        seconds = float(given)  # type: ignore[arg-type] # of NumPy, too
    except (TypeError, ValueError):
        seconds = -1.0
    if isinstance(given, str) or not seconds >= 0:
        limit = "seconds, 0 or more, or a timedelta"
        raise InvalidArgument(
            f"Invalid value {wait_duration!r} for parameter 'wait_duration' supplied: it must be "
            f"{limit}",
            reason="DURATION_MALFORMED",
            field="wait_duration",
            value=wait_duration,
            limit=limit,
        )
    return seconds


def to_condition(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the field of a request that has a condition.

    Args:
        name: of the condition.
        arguments: its arguments; those that are None are not given.

    Raises:
        InvalidArgument: there is no such condition, or it has not such an argument.
    """
    if name not in _CONDITIONS:
        raise _unknown_error("condition", name, list(_CONDITIONS), "CONDITION_UNKNOWN")
    message, fields = _CONDITIONS[name]
    given = {key: value for key, value in arguments.items() if value is not None}
    for key in given:
        if key not in fields:
            raise _unknown_error(f"of {name}", key, list(fields), "ARGUMENTS_CONFLICT")
    if "min_level" in given:
        given["min_level"] = to_level(given["min_level"])
    return {name: new_message(message, **given)}


def to_destinations(
    webhook_urls: Iterable[str] | None, email_addresses: Iterable[str] | None
) -> AlertDestinations | None:
    """Return whom a rule tells; None, if neither is given."""
    if webhook_urls is None and email_addresses is None:
        return None
    return new_message(
        AlertDestinations,
        webhook_urls=list(webhook_urls or ()),
        email_addresses=list(email_addresses or ()),
    )


def _unknown_error(field: str, value: object, known: list[str], reason: str) -> InvalidArgument:
    return InvalidArgument(
        f"Invalid value {value!r} for parameter '{field}' supplied: it must be one of "
        f"{', '.join(known) or 'none'}",
        reason=reason,
        field=field,
        value=value,
        limit=", ".join(known),
    )
