"""Runs of the same values, and what they logged, in statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from runstream.v1 import run_groups_pb2
from runstream.v1.run_pb2 import RunStatus


@dataclass(frozen=True)
class NumberStatistics:
    """Statistics of the numbers of a group, without those that are NaN.

    Attributes:
        count: how many runs have a number.
        nan_count: how many runs have NaN.
        mean: their mean; None without a number, as the next four.
        median: the number in their middle.
        minimum: the least.
        maximum: the greatest.
        deviation: the standard deviation of a sample; None for a single number, too.
    """

    count: int
    nan_count: int
    mean: float | None
    median: float | None
    minimum: float | None
    maximum: float | None
    deviation: float | None

    @classmethod
    def from_proto(cls, message: run_groups_pb2.NumberStatistics) -> NumberStatistics:
        """Convert the message of the contract."""
        return cls(
            count=message.count,
            nan_count=message.nan_count,
            mean=message.mean if message.HasField("mean") else None,
            median=message.median if message.HasField("median") else None,
            minimum=message.minimum if message.HasField("minimum") else None,
            maximum=message.maximum if message.HasField("maximum") else None,
            deviation=message.deviation if message.HasField("deviation") else None,
        )


@dataclass(frozen=True)
class RunGroup:
    """Runs that have the same values.

    Attributes:
        values: their values by the keys that they are grouped by; None where they have none.
        filter_string: what finds these runs among those that were grouped; empty where no filter
            can say it.
        run_count: how many runs.
        statuses: how many of each status.
        latest_start: when the latest started, in milliseconds since the epoch.
        numbers: statistics by the keys that were asked for.
        texts: by the keys that were asked for, what all of them have; None where they differ, or
            have none.
        run_ids: the ids of its runs, the latest started first; as many as were asked for at most.
    """

    values: Mapping[str, str | None]
    filter_string: str
    run_count: int
    statuses: Mapping[str, int]
    latest_start: int
    numbers: Mapping[str, NumberStatistics]
    texts: Mapping[str, str | None]
    run_ids: Sequence[str]

    @classmethod
    def from_proto(
        cls,
        message: run_groups_pb2.RunGroup,
        by: Sequence[str],
        number_keys: Sequence[str],
        text_keys: Sequence[str],
    ) -> RunGroup:
        """Convert the message of the contract, whose lists are in the order of these keys."""
        return cls(
            values={
                key: given.value if given.HasField("value") else None
                for key, given in zip(by, message.values, strict=True)
            },
            filter_string=message.filter,
            run_count=message.run_count,
            statuses={RunStatus.Name(each.status): each.count for each in message.statuses},
            latest_start=message.latest_start,
            numbers={
                key: NumberStatistics.from_proto(statistics)
                for key, statistics in zip(number_keys, message.numbers, strict=True)
            },
            texts={
                key: text.value if text.HasField("value") else None
                for key, text in zip(text_keys, message.texts, strict=True)
            },
            run_ids=list(message.run_ids),
        )
