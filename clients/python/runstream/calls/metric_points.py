"""One point of a metric as the contract has it, made of what a caller gives."""

from __future__ import annotations

import time

from runstream import entities, rules
from runstream.contract.metric_numbers import IntegerLike, MetricValue, to_float, to_integer


def to_point(
    key: str, value: MetricValue, timestamp: IntegerLike | None = None, step: IntegerLike | None = 0
) -> entities.Metric:
    """Return a checked point.

    Args:
        key: name of the metric (M1).
        value: any number that has a double (M3).
        timestamp: milliseconds since the epoch; now, if left out.
        step: training step (M2); 0 for None.

    Raises:
        InvalidArgument: an argument breaks its rule.
    """
    rules.check_key("key", key)
    number = to_integer(key, "step", 0 if step is None else step)
    rules.check_step("step", number)
    now = time.time_ns() // 1_000_000
    milliseconds = to_integer(key, "timestamp", now if timestamp is None else timestamp)
    rules.check_timestamp("timestamp", milliseconds)
    return entities.Metric(key, to_float(key, value), milliseconds, number)
