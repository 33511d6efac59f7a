"""How much the params of runs matter for a number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runstream.v1 import param_importance_pb2 as pb


@dataclass(frozen=True)
class ParamImportance:
    """How much one param matters.

    Attributes:
        key: its key.
        importance: from 0 to 1; what it means depends on the method.
        correlation: the rank correlation with the number, from -1 to 1; None if values are no
            numbers, or do not differ.
        run_count: how many of the runs used have the param.
        value_count: how many different values they have.
    """

    key: str
    importance: float
    correlation: float | None
    run_count: int
    value_count: int

    @classmethod
    def from_proto(cls, message: pb.ParamImportance) -> ParamImportance:
        """Convert the message of the contract."""
        return cls(
            key=message.key,
            importance=message.importance,
            correlation=message.correlation if message.HasField("correlation") else None,
            run_count=message.run_count,
            value_count=message.value_count,
        )


@dataclass(frozen=True)
class ParamImportances:
    """The params that differ between runs, the most important first.

    Attributes:
        method: `permutation` (shares of a random forest, 1 together), `rank_correlation` (the
            strength of each relation by itself), or empty if less than five runs have the number.
        params: the params; those with one value in all runs are left out.
        run_count: how many runs the filter finds.
        read_run_count: how many of them were read, the newest 5,000 at most.
        used_run_count: how many of those have the number.
        nan_run_count: how many of those read have NaN.
        param_count: how many params differ, of which 200 are told at most.
        score: the share of the differences that the forest foretells for runs that it does not
            know, 1 at most; near 0 or below it `params` say nothing. None without a forest.
    """

    method: str
    params: Sequence[ParamImportance]
    run_count: int
    read_run_count: int
    used_run_count: int
    nan_run_count: int
    param_count: int
    score: float | None

    @classmethod
    def from_proto(cls, message: pb.GetParamImportanceResponse) -> ParamImportances:
        """Convert the message of the contract."""
        name = pb.ImportanceMethod.Name(message.method).removeprefix("IMPORTANCE_METHOD_").lower()
        return cls(
            method=name if message.method else "",
            params=[ParamImportance.from_proto(one) for one in message.params],
            run_count=message.run_count,
            read_run_count=message.read_run_count,
            used_run_count=message.used_run_count,
            nan_run_count=message.nan_run_count,
            param_count=message.param_count,
            score=message.score if message.HasField("score") else None,
        )
