"""Searches of runs and experiments, and what helps to write their filters.

A page may hold thousands of messages, so a reader's thread makes the responses, too.
"""

from __future__ import annotations

from collections.abc import Sequence

from runstream.errors import InvalidArgument
from runstream.v1 import (
    experiment_service_pb2,
    param_importance_pb2,
    run_groups_pb2,
    run_keys_pb2,
    run_service_pb2,
)
from runstream.v1.run_pb2 import ViewType
from runstream_service.access.caller import Caller
from runstream_service.access.visibility import visible_experiments
from runstream_service.catalog import experiments, run_data
from runstream_service.catalog.logged_keys import too_many_keys
from runstream_service.catalog.run_data import Selection
from runstream_service.engine.budget import PAGE_BYTES, TooLargeError
from runstream_service.rpc import messages
from runstream_service.rpc.page_token import (
    check_offset,
    check_page_size,
    decode_page_token,
    encode_page_token,
)
from runstream_service.rpc.run_cache import RunCache
from runstream_service.search.experiment_search import experiment_search
from runstream_service.search.filter_hints import FilterHints
from runstream_service.search.parse import ParseError, parse, parse_key
from runstream_service.search.run_search import RunSearch
from runstream_service.search.scope import Scope
from runstream_service.search.values import most_frequent_values, range_of_values

#: Results that a page has at most, and those that it has if the request does not say how many.
MAX_RESULTS = 50_000
DEFAULT_RESULTS = 1_000

#: Values that ListValues returns at most, and those that it returns if the request says nothing.
MAX_VALUES = 200
DEFAULT_VALUES = 20

_DELETED_BY_VIEW_TYPE = {
    ViewType.VIEW_TYPE_UNSPECIFIED: False,
    ViewType.ACTIVE_ONLY: False,
    ViewType.DELETED_ONLY: True,
    ViewType.ALL: None,
}


def search_runs(
    caller: Caller, request: run_service_pb2.SearchRunsRequest, cache: RunCache
) -> run_service_pb2.SearchRunsResponse:
    """Return the answer of SearchRuns: what the caller sees of what they ask for."""
    check_page_size(request.max_results, MAX_RESULTS)
    check_offset(request.offset)
    scope = run_scope(caller, request)
    search = RunSearch(scope, request.filter, request.order_by)
    query = [
        caller.name,
        list(request.experiment_ids),
        request.run_view_type,
        request.filter,
        list(request.order_by),
        request.top_level_only,
    ]
    position = decode_page_token(query, request.page_token, search.sort_key_length)
    limit = request.max_results or DEFAULT_RESULTS
    found = search.page(limit + 1, position, request.offset)
    page = run_service_pb2.SearchRunsResponse()
    _add_runs(page, [row.id for row in found[:limit]], _selection(request), cache)
    if len(page.runs) < len(found):
        page.next_page_token = encode_page_token(query, found[len(page.runs) - 1].sort_key)
    if request.with_child_counts:
        counts = scope.count_children([run.info.run_id for run in page.runs])
        for run in page.runs:
            run.child_count = counts.get(run.info.run_id, 0)
    return page


def _add_runs(
    page: run_service_pb2.SearchRunsResponse,
    ids: Sequence[int],
    selection: Selection,
    cache: RunCache,
) -> None:
    """Add the runs of these internal ids to a page, until it is full."""
    is_whole = selection == Selection()
    size = 0
    for rows in run_data.read_rows(ids):
        contents = [cache.get(row.revision) if is_whole else None for row in rows]
        missing = [row for row, content in zip(rows, contents, strict=True) if content is None]
        logged = run_data.read(missing, selection)
        for row, content in zip(rows, contents, strict=True):
            run = page.runs.add()
            if content is None:
                messages.fill_content(run, next(logged))
                content = run.SerializeToString()
                if is_whole:
                    cache.add(row.revision, content)
            else:
                run.MergeFromString(content)
            info = run.info
            messages.fill_info(info, row)
            size += len(content) + info.ByteSize()
            if size > PAGE_BYTES:
                return


def count_runs(caller: Caller, request: run_service_pb2.CountRunsRequest) -> int:
    """Return how many runs CountRuns finds."""
    return RunSearch(run_scope(caller, request), request.filter, ()).count()


def list_values(
    caller: Caller, request: run_keys_pb2.ListValuesRequest
) -> run_keys_pb2.ListValuesResponse:
    """Return the answer of ListValues."""
    check_page_size(request.max_results, MAX_VALUES)
    scope = run_scope(caller, request)
    limit = request.max_results or DEFAULT_VALUES
    try:
        key = parse_key(request.key)
        values = most_frequent_values(scope, key, request.contains, limit)
        minimum, maximum = range_of_values(scope, key)
    except ParseError as error:
        raise error.to_invalid_argument("key", request.key) from None
    return run_keys_pb2.ListValuesResponse(
        values=[run_keys_pb2.ValueCount(**one._asdict()) for one in values],
        minimum=minimum,
        maximum=maximum,
    )


def get_filter_hints(
    caller: Caller, request: run_keys_pb2.GetFilterHintsRequest
) -> run_keys_pb2.GetFilterHintsResponse:
    """Return the answer of GetFilterHints."""
    scope = run_scope(caller, request)
    RunSearch(scope, request.filter, ())  # raises what a search does
    tree = parse(request.filter)
    try:
        hints = [] if tree is None else FilterHints(scope, tree).find()
    except TooLargeError:
        raise too_many_keys() from None
    return run_keys_pb2.GetFilterHintsResponse(
        hints=[run_keys_pb2.FilterHint(**hint._asdict()) for hint in hints]
    )


def search_experiments(
    caller: Caller,
    request: experiment_service_pb2.SearchExperimentsRequest,
) -> experiment_service_pb2.SearchExperimentsResponse:
    """Return the answer of SearchExperiments: what the caller sees of what they ask for."""
    check_page_size(request.max_results, MAX_RESULTS)
    deleted = _deleted_filter("view_type", request.view_type)
    search = experiment_search(caller, deleted, request.filter, request.order_by)
    query = [caller.name, request.view_type, request.filter, list(request.order_by)]
    position = decode_page_token(query, request.page_token, search.sort_key_length)
    limit = request.max_results or DEFAULT_RESULTS
    found = search.page(limit + 1, position)
    page = experiment_service_pb2.SearchExperimentsResponse()
    size = 0
    for described in experiments.describe_all(caller, [row.id for row in found[:limit]]):
        experiment = messages.experiment(described)
        page.experiments.append(experiment)
        size += experiment.ByteSize()
        if size > PAGE_BYTES:
            break
    if len(page.experiments) < len(found):
        page.next_page_token = encode_page_token(query, found[len(page.experiments) - 1].sort_key)
    return page


def run_scope(
    caller: Caller,
    request: run_service_pb2.SearchRunsRequest
    | run_service_pb2.CountRunsRequest
    | run_keys_pb2.ListValuesRequest
    | run_keys_pb2.GetFilterHintsRequest
    | run_groups_pb2.GroupRunsRequest
    | param_importance_pb2.GetParamImportanceRequest,
) -> Scope:
    """Return the scope of a request: experiments that the caller sees, and which runs of them."""
    named = experiments.parse_ids(request.experiment_ids) if request.experiment_ids else None
    deleted = _deleted_filter("run_view_type", request.run_view_type)
    top_level = getattr(request, "top_level_only", False)
    return Scope(visible_experiments(caller, named), deleted, top_level)


def _selection(request: run_service_pb2.SearchRunsRequest) -> Selection:
    return Selection(
        request.metric_keys.keys if request.HasField("metric_keys") else None,
        request.param_keys.keys if request.HasField("param_keys") else None,
        request.tag_keys.keys if request.HasField("tag_keys") else None,
        request.with_metric_summaries,
    )


def _deleted_filter(field: str, view: ViewType.ValueType) -> bool | None:
    if view not in _DELETED_BY_VIEW_TYPE:
        raise InvalidArgument(
            f"Invalid value {view} for parameter '{field}' supplied",
            reason="VIEW_TYPE_UNKNOWN",
            field=field,
            value=view,
            limit=", ".join(ViewType.keys()),
        )
    return _DELETED_BY_VIEW_TYPE[view]
