"""A search shows each run of its experiments once, page by page."""

from __future__ import annotations

import grpc
import pytest

from runstream.v1.experiment_service_pb2 import (
    CreateExperimentRequest,
    SearchExperimentsRequest,
)
from runstream.v1.run_pb2 import ALL, DELETED_ONLY, KeySelection
from runstream.v1.run_service_pb2 import (
    DeleteRunRequest,
    SearchRunsRequest,
)
from support.api import Api, expect_refusal
from support.named_runs import NamedRuns
from support.server_process import ServerProcess


@pytest.mark.parametrize("order", [[], ["metrics.m"], ["params.p DESC"], ["run_name"]])
def test_paging_shows_every_run_once_while_runs_are_created(
    runs: NamedRuns, order: list[str]
) -> None:
    """S6."""
    before = {runs.add(f"r{i}", {"m": i % 3}, {"p": str(i % 4)}) for i in range(12)}
    request = SearchRunsRequest(order_by=order, max_results=5)
    seen: list[str] = []
    while True:
        page = runs.api.runs.SearchRuns(request)
        seen += [run.info.run_id for run in page.runs]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
        runs.add("later", {"m": 1.0}, {"p": "2"})
    assert len(seen) == len(set(seen))
    assert before <= set(seen)


@pytest.mark.parametrize("order", ["start_time", "metrics.m DESC", "params.p", "run_name"])
def test_an_offset_begins_in_the_middle_of_any_order(runs: NamedRuns, order: str) -> None:
    """S6: by each of the ways in which an order is gone through, and after a token, too."""
    for i in range(8):
        runs.add(f"r{i}", {"m": i / 3} if i % 4 else {}, {"p": str(i)} if i % 3 else {})
    search = runs.api.runs.SearchRuns
    everything = [run.info.run_id for run in search(SearchRunsRequest(order_by=[order])).runs]
    for offset in (0, 1, 5, 6, 7, 8, 9):
        page = search(SearchRunsRequest(order_by=[order], offset=offset, max_results=2))
        assert [run.info.run_id for run in page.runs] == everything[offset : offset + 2]
    request = SearchRunsRequest(order_by=[order], offset=2, max_results=2)
    request.page_token = search(request).next_page_token
    assert [run.info.run_id for run in search(request).runs] == everything[6:8]
    with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, "OFFSET_OUT_OF_RANGE"):
        search(SearchRunsRequest(offset=1_000_001))


def test_a_token_is_good_for_its_search_alone(filled: NamedRuns) -> None:
    """S6."""
    search = filled.api.runs.SearchRuns
    token = search(SearchRunsRequest(filter="start_time > 0", max_results=2)).next_page_token
    assert search(SearchRunsRequest(filter="start_time > 0", page_token=token)).runs
    for other in (
        {"filter": "start_time > 1"},
        {"filter": "start_time > 0", "order_by": ["run_name"]},
        {"filter": "start_time > 0", "experiment_ids": ["0"]},
        {"filter": "start_time > 0", "run_view_type": ALL},
    ):
        with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_MISMATCH"):
            search(SearchRunsRequest(page_token=token, **other))
    with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_MISMATCH"):
        search(SearchRunsRequest(page_token="nonsense"))


@pytest.mark.parametrize("size", [-1, 50_001])
def test_the_size_of_a_page_has_limits(filled: NamedRuns, size: int) -> None:
    """S6."""
    api = filled.api
    with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, "PAGE_SIZE_OUT_OF_RANGE"):
        api.runs.SearchRuns(SearchRunsRequest(max_results=size))
    with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, "PAGE_SIZE_OUT_OF_RANGE"):
        api.experiments.SearchExperiments(SearchExperimentsRequest(max_results=size))


def test_a_page_of_large_runs_ends_early_and_goes_on(server: ServerProcess) -> None:
    options = [("grpc.max_receive_message_length", 64 << 20)]
    with grpc.insecure_channel(server.address, options=options) as channel:
        runs = NamedRuns(Api(channel))
        large = {f"p{i}": "x" * 65_536 for i in range(60)}
        for name in "abcdef":
            runs.add(name, params=large)
        first = runs.api.runs.SearchRuns(SearchRunsRequest(max_results=100))
        assert 0 < len(first.runs) < 6
        assert runs.search_names("", "start_time", max_results=100) == "a b c d e f"


def test_deleted_runs_are_seen_if_they_are_asked_for(sweep: NamedRuns) -> None:
    deleted = sweep.api.runs.SearchRuns(SearchRunsRequest(filter="run_name = 'b'")).runs[0]
    sweep.api.runs.DeleteRun(DeleteRunRequest(run_id=deleted.info.run_id))
    assert sweep.search_names() == "a c d e"
    assert sweep.search_names(run_view_type=DELETED_ONLY) == "b"
    assert sweep.search_names(run_view_type=ALL) == "a b c d e"


def test_a_search_is_among_the_experiments_that_are_named(runs: NamedRuns) -> None:
    create = runs.api.experiments.CreateExperiment
    other = create(CreateExperimentRequest(name="other")).experiment_id
    runs.add("here")
    runs.add("there", experiment_id=other)
    assert runs.search_names() == "here there"
    assert runs.search_names(experiment_ids=["0"]) == "here"
    assert runs.search_names(experiment_ids=[other, "0"]) == "here there"
    assert runs.search_names(experiment_ids=[other, "99"]) == "there"
    assert runs.search_names(experiment_ids=["99"]) == ""
    assert runs.search_names("run_name like '%here'", "metrics.m", experiment_ids=["99"]) == ""


def test_the_keys_that_are_named_are_returned(filled: NamedRuns) -> None:
    request = SearchRunsRequest(
        filter="run_name = 'a'",
        metric_keys=KeySelection(keys=["loss", "none"]),
        param_keys=KeySelection(),
        tag_keys=KeySelection(keys=["team"]),
    )
    (run,) = filled.api.runs.SearchRuns(request).runs
    assert [(metric.key, metric.value) for metric in run.data.metrics] == [("loss", 0.5)]
    assert not run.data.params
    assert [tag.key for tag in run.data.tags] == ["team"]
