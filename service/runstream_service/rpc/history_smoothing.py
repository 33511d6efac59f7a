"""What a request says of smoothing."""

from __future__ import annotations

import math

from runstream.errors import InvalidArgument
from runstream.v1.metric_service_pb2 import ReadMetricHistoryRequest
from runstream_service.points.smoothing import Smoothing, SmoothingKind

#: Points of the greatest standard deviation of a Gaussian, and of the longest running mean.
MAX_DEVIATION = 10_000
MAX_WINDOW = 100_000

_LIMITS = {
    SmoothingKind.EXPONENTIAL: "more than 0 and less than 1",
    SmoothingKind.TIME_WEIGHTED: "a number of steps that is more than 0",
    SmoothingKind.GAUSSIAN: f"a number of points that is more than 0 and at most {MAX_DEVIATION}",
    SmoothingKind.RUNNING_MEAN: f"a number of points from 1 to {MAX_WINDOW}",
    SmoothingKind.MINIMUM: "left out",
    SmoothingKind.MAXIMUM: "left out",
}


def read_smoothing(request: ReadMetricHistoryRequest) -> Smoothing | None:
    """Return how a request has values smoothed.

    Raises:
        InvalidArgument: the kind is unknown, or the amount is not one of this kind.
    """
    if not request.smoothing:
        return None
    if request.smoothing not in list(map(int, SmoothingKind)):
        raise InvalidArgument(
            f"Invalid value {request.smoothing} for parameter 'smoothing' supplied: "
            f"it must be a kind of smoothing, 1 to {len(SmoothingKind)}",
            reason="SMOOTHING_UNKNOWN",
            field="smoothing",
            value=request.smoothing,
            limit=len(SmoothingKind),
        )
    smoothing = Smoothing(SmoothingKind(request.smoothing), request.smoothing_amount)
    if not _is_allowed(smoothing):
        raise InvalidArgument(
            f"Invalid value {smoothing.amount:g} for parameter 'smoothing_amount' supplied: "
            f"it must be {_LIMITS[smoothing.kind]}",
            reason="SMOOTHING_AMOUNT_OUT_OF_RANGE",
            field="smoothing_amount",
            value=smoothing.amount,
            limit=_LIMITS[smoothing.kind],
        )
    return smoothing


def _is_allowed(smoothing: Smoothing) -> bool:
    amount = smoothing.amount
    match smoothing.kind:
        case SmoothingKind.EXPONENTIAL:
            return 0 < amount < 1
        case SmoothingKind.TIME_WEIGHTED:
            return 0 < amount < math.inf
        case SmoothingKind.GAUSSIAN:
            return 0 < amount <= MAX_DEVIATION
        case SmoothingKind.RUNNING_MEAN:
            return 1 <= amount <= MAX_WINDOW
        case _:
            return amount == 0
