"""What a request for grouped histories says, and its answer."""

from __future__ import annotations

from runstream.errors import InvalidArgument
from runstream.rules import INT64_MAX, INT64_MIN, check_key
from runstream.v1 import grouped_history_pb2 as pb
from runstream_service.access.caller import Caller
from runstream_service.points.grouped_history import Band, Centre, Curve, GroupedHistories
from runstream_service.points.history import Steps
from runstream_service.points.part_sums import SumCache

#: Groups, runs and metrics of one request.
MAX_GROUPS = 100
MAX_RUNS = 1_000
MAX_KEYS = 10

#: Points of a curve, and what a request may ask for: groups, metrics and points multiplied.
MIN_POINTS = 10
MAX_POINTS = 2_000
DEFAULT_POINTS = 300
MAX_ANSWER_POINTS = 50_000


def read_request(
    caller: Caller, request: pb.ReadGroupedHistoryRequest, known: SumCache
) -> GroupedHistories:
    """Return the reading that a request asks for.

    Args:
        caller: who reads.
        request: what to read.
        known: the sums of chunks that were read before.

    Raises:
        InvalidArgument: a field breaks its rule.
    """
    for key in request.metric_keys:
        check_key("metric_keys", key)
    _check_count("groups", len(request.groups), MAX_GROUPS)
    _check_count("metric_keys", len(request.metric_keys), MAX_KEYS)
    _check_count("groups.run_ids", sum(len(one.run_ids) for one in request.groups), MAX_RUNS)
    points = request.max_points or DEFAULT_POINTS
    if not MIN_POINTS <= points <= MAX_POINTS:
        raise _range_error("max_points", points, f"{MIN_POINTS} to {MAX_POINTS}")
    number = points * len(request.groups) * len(request.metric_keys)
    if number > MAX_ANSWER_POINTS:
        raise InvalidArgument(
            f"{number} points of all groups and metrics are too many: they may have "
            f"{MAX_ANSWER_POINTS} together; ask for fewer by 'max_points'",
            reason="GROUPED_POINTS_TOO_MANY",
            field="max_points",
            value=number,
            limit=MAX_ANSWER_POINTS,
        )
    _check_enum("centre", request.centre, max(Centre))
    _check_enum("band", request.band, max(Band))
    steps = Steps(
        request.start_step if request.HasField("start_step") else INT64_MIN,
        request.end_step if request.HasField("end_step") else INT64_MAX,
    )
    groups = [(one.name, list(dict.fromkeys(one.run_ids))) for one in request.groups]
    keys = list(dict.fromkeys(request.metric_keys))
    return GroupedHistories(caller, groups, keys, steps, points, known)


def make_answer(
    reading: GroupedHistories, request: pb.ReadGroupedHistoryRequest
) -> pb.ReadGroupedHistoryResponse:
    """Return the answer, once all is read."""
    curves = reading.curves(Centre(request.centre or Centre.MEAN), Band(request.band))
    answer = pb.ReadGroupedHistoryResponse(histories=map(_history, curves))
    for run_id, key, message in reading.damaged:
        answer.damaged.add(run_id=run_id, metric_key=key, message=message)
    return answer


def _history(curve: Curve) -> pb.GroupedHistory:
    return pb.GroupedHistory(
        group=curve.group,
        metric_key=curve.key,
        step=curve.step,
        count=curve.sizes.tolist(),
        centre=curve.centre.tolist(),
        low=curve.low.tolist(),
        high=curve.high.tolist(),
        run_count=curve.runs,
    )


def _check_count(field: str, count: int, most: int) -> None:
    if not 0 < count <= most:
        raise _range_error(field, count, f"1 to {most}")


def _check_enum(field: str, value: int, last: int) -> None:
    if not 0 <= value <= last:
        raise _range_error(field, value, f"0 to {last}")


def _range_error(field: str, value: int, limit: str) -> InvalidArgument:
    return InvalidArgument(
        f"Invalid value {value} for parameter '{field}' supplied: it must be {limit}",
        reason="GROUPED_HISTORY_OUT_OF_RANGE",
        field=field,
        value=value,
        limit=limit,
    )
