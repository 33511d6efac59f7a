"""Points that come as columns, one column for each field."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TypeVar

from runstream.errors import InvalidArgument

Number = TypeVar("Number", int, float)


def rows_of_columns(
    run_id: str,
    keys: Sequence[str],
    key: Collection[int],
    step: Collection[int],
    timestamp: Collection[int],
    value: Collection[float],
) -> Iterable[tuple[str, float, int, int]]:
    """Return the points of columns, each as its key, value, timestamp and step.

    Args:
        run_id: the run that they are logged to.
        keys: the distinct keys.
        key: which of the keys each point has.
        step: steps.
        timestamp: timestamps, in milliseconds since the epoch.
        value: values.

    Raises:
        InvalidArgument: the columns have different lengths, or `key` names no entry of `keys`.
    """
    if len({len(key), len(step), len(timestamp), len(value)}) != 1:
        raise InvalidArgument(
            f"the columns have different lengths: {len(key)} of key, {len(step)} of step, "
            f"{len(timestamp)} of timestamp, {len(value)} of value",
            reason="METRIC_TABLE_MALFORMED",
            run_id=run_id,
            field="metrics",
        )
    index = _to_plain_numbers(key)
    if index and not 0 <= min(index) <= max(index) < len(keys):
        raise InvalidArgument(
            f"the column key goes from {min(index)} to {max(index)}, "
            f"but keys has {len(keys)} entries",
            reason="METRIC_TABLE_MALFORMED",
            run_id=run_id,
            field="metrics.key",
        )
    return zip(
        map(keys.__getitem__, index),
        _to_plain_numbers(value),
        _to_plain_numbers(timestamp),
        _to_plain_numbers(step),
        strict=True,
    )


def _to_plain_numbers(column: Collection[Number]) -> Collection[Number]:
    """Return a column as Python numbers, which are read faster than the scalars of an array."""
    plain: Collection[Number] = column.tolist() if hasattr(column, "tolist") else column
    return plain
