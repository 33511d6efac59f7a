"""GroupRuns: from the request to the response, on a reader's thread."""

from __future__ import annotations

from runstream.errors import InvalidArgument
from runstream.v1 import run_groups_pb2 as pb
from runstream.v1.run_pb2 import RunStatus
from runstream_service.access.caller import Caller
from runstream_service.engine.budget import PAGE_BYTES
from runstream_service.engine.statuses import RunStatus as StoredStatus
from runstream_service.rpc.page_token import check_page_size, decode_page_token, encode_page_token
from runstream_service.rpc.searches import run_scope
from runstream_service.search.group_keys import Texts
from runstream_service.search.group_statistics import Statistics
from runstream_service.search.run_groups import Group, RunGroups
from runstream_service.search.run_search import RunSearch

#: Groups that a page has at most, and those that it has if the request does not say how many.
MAX_RESULTS = 5_000
DEFAULT_RESULTS = 200

#: Ids of runs that are told of a group at most.
MAX_RUN_IDS = 1_000

_STATISTICS = {
    pb.STATISTIC_UNSPECIFIED: "mean",
    pb.STATISTIC_MEAN: "mean",
    pb.STATISTIC_MEDIAN: "median",
    pb.STATISTIC_MINIMUM: "minimum",
    pb.STATISTIC_MAXIMUM: "maximum",
    pb.STATISTIC_DEVIATION: "deviation",
}


def group_runs(caller: Caller, request: pb.GroupRunsRequest) -> pb.GroupRunsResponse:
    """Return the answer of GroupRuns: groups of what the caller sees of what they ask for."""
    check_page_size(request.max_results, MAX_RESULTS)
    _check_statistic(request.order_statistic)
    _check_run_ids(request.max_run_ids)
    grouping = RunGroups(
        RunSearch(run_scope(caller, request), request.filter, ()),
        request.by,
        request.number_keys,
        request.text_keys,
        request.order_by,
        _STATISTICS[request.order_statistic],
    )
    query = [
        caller.name,
        list(request.experiment_ids),
        request.run_view_type,
        request.filter,
        list(request.by),
        request.order_by,
        request.order_statistic,
    ]
    after = decode_page_token(query, request.page_token, grouping.position_length)
    groups = grouping.find()
    found = grouping.page(groups, request.max_results or DEFAULT_RESULTS, after)
    names = grouping.run_names(caller, found)
    run_ids = grouping.run_ids(found, request.max_run_ids)
    page = pb.GroupRunsResponse(
        group_count=len(groups), run_count=sum(len(group.runs) for group in groups)
    )
    size = 0
    for group, ids in zip(found, run_ids, strict=True):
        added = page.groups.add(run_ids=ids)
        _fill(added, group, grouping.filter_of(group), names)
        size += added.ByteSize()
        if size > PAGE_BYTES:
            break
    if page.groups and found[len(page.groups) - 1] is not groups[-1]:
        position = found[len(page.groups) - 1].order.position
        page.next_page_token = encode_page_token(query, position)
    return page


def _fill(
    group: pb.RunGroup, found: Group, condition: str, names: dict[tuple[int, Texts], str]
) -> None:
    for place, texts in enumerate(found.values):
        value = group.values.add(run_name=names.get((place, texts), ""))
        if texts:
            value.value = ", ".join(texts)
    group.filter = condition
    group.run_count = len(found.runs)
    for status, count in sorted(found.statuses.items()):
        group.statuses.add(status=RunStatus.Value(StoredStatus(status).name), count=count)
    group.latest_start = found.latest_start
    group.numbers.extend(_statistics(numbers) for numbers in found.numbers)
    for count, texts in found.texts:
        text = group.texts.add(value_count=count)
        if count == 1 and texts:
            text.value = ", ".join(texts)


def _statistics(found: Statistics) -> pb.NumberStatistics:
    return pb.NumberStatistics(
        count=found.numbers,
        nan_count=found.nans,
        mean=found.mean,
        median=found.median,
        minimum=found.minimum,
        maximum=found.maximum,
        deviation=found.deviation,
    )


def _check_run_ids(most: int) -> None:
    if not 0 <= most <= MAX_RUN_IDS:
        raise InvalidArgument(
            f"Invalid value {most} for parameter 'max_run_ids' supplied: it must be 0 to "
            f"{MAX_RUN_IDS}",
            reason="MAX_RUN_IDS_OUT_OF_RANGE",
            field="max_run_ids",
            value=most,
            limit=MAX_RUN_IDS,
        )


def _check_statistic(statistic: pb.Statistic.ValueType) -> None:
    if statistic not in _STATISTICS:
        raise InvalidArgument(
            f"Invalid value {statistic} for parameter 'order_statistic' supplied",
            reason="STATISTIC_UNKNOWN",
            field="order_statistic",
            value=statistic,
            limit=", ".join(pb.Statistic.keys()),
        )
