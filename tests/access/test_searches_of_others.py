"""Searches, counts and histories, as those see them who have grants on an experiment, or none."""

from __future__ import annotations

from collections import Counter

import grpc
import pytest

from runstream.v1 import metric_service_pb2 as metric_pb
from runstream.v1 import run_keys_pb2 as keys_pb
from runstream.v1 import run_service_pb2 as pb
from runstream.v1.logging_service_pb2 import LogMetricRequest
from runstream.v1.run_groups_pb2 import GroupRunsRequest
from support.api import expect_refusal
from support.granted_runs import Runs

PARENT = "mlflow.parentRunId"


@pytest.mark.parametrize("experiments", ["none", "both", "secret"])
@pytest.mark.parametrize(
    "text", ["", "params.lr = '0.1'", "metrics.loss < 1", "tags.team = 'red'", "status = 'RUNNING'"]
)
def test_searches_and_counts_find_only_what_one_sees(
    runs: Runs, experiments: str, text: str
) -> None:
    ids = {"none": [], "both": [runs.common, runs.secret], "secret": [runs.secret]}[experiments]
    for name, sees in (("eve", False), ("bob", True), ("ada", True)):
        for order in ([], ["metrics.loss"], ["params.lr DESC"], ["attributes.run_name"]):
            search = pb.SearchRunsRequest(experiment_ids=ids, filter=text, order_by=order)
            found = runs.api(name).runs.SearchRuns(search).runs
            assert (runs.run_id in [run.info.run_id for run in found]) == sees
        counted = runs.api(name).runs.CountRuns(
            pb.CountRunsRequest(experiment_ids=ids, filter=text)
        )
        assert counted.count == len(found)
        grouping = GroupRunsRequest(experiment_ids=ids, filter=text, by=["params.lr"])
        grouped = runs.api(name).runs.GroupRuns(grouping)
        assert grouped.run_count == len(found)
        rates = Counter(param.value for run in found for param in run.data.params)
        told = {group.values[0].value: group.run_count for group in grouped.groups}
        assert told.get("0.1", 0) == rates["0.1"]


def test_keys_are_listed_only_of_what_one_sees(runs: Runs) -> None:
    request = keys_pb.ListKeysRequest(experiment_ids=[runs.common, runs.secret])
    assert runs.api("bob").runs.ListKeys(request).params == ["lr"]
    assert runs.api("eve").runs.ListKeys(request) == keys_pb.ListKeysResponse()


def test_values_and_hints_are_those_of_what_one_sees(runs: Runs) -> None:
    ids = [runs.common, runs.secret]
    values = keys_pb.ListValuesRequest(experiment_ids=ids, key="params.lr")
    hints = keys_pb.GetFilterHintsRequest(experiment_ids=ids, filter="params.LR = 'x'")
    assert len(runs.api("bob").runs.ListValues(values).values) == 1
    assert runs.api("bob").runs.GetFilterHints(hints).hints[0].similar == ["params.lr"]
    assert runs.api("eve").runs.ListValues(values) == keys_pb.ListValuesResponse()
    assert not runs.api("eve").runs.GetFilterHints(hints).hints[0].similar


def test_histories_of_several_runs_leave_out_those_that_one_does_not_see(runs: Runs) -> None:
    mine = runs.create_run("eve", runs.common)
    runs.api("eve").logging.LogMetric(LogMetricRequest(run_id=mine, key="x", value=1, timestamp=1))
    ids = [runs.run_id, mine]
    for key, found in (("x", [mine]), ("loss", [])):
        bulk = metric_pb.GetMetricHistoryBulkRequest(run_id=ids, metric_key=key)
        thinned = metric_pb.GetMetricHistoryBulkIntervalRequest(run_ids=ids, metric_key=key)
        metrics = runs.api("eve").metrics
        assert [point.run_id for point in metrics.GetMetricHistoryBulk(bulk).metrics] == found
        answer = metrics.GetMetricHistoryBulkInterval(thinned)
        assert [point.run_id for point in answer.metrics] == found


def test_a_page_token_is_good_for_the_one_who_got_it(runs: Runs) -> None:
    for _ in range(2):
        runs.create_run("ada", runs.common)
    search = pb.SearchRunsRequest(experiment_ids=[runs.common], max_results=1)
    search.page_token = runs.api("ada").runs.SearchRuns(search).next_page_token
    assert len(runs.api("ada").runs.SearchRuns(search).runs) == 1
    with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_MISMATCH"):
        runs.api("eve").runs.SearchRuns(search)


def test_child_runs_that_one_does_not_see_are_not_counted_and_parents_hide_nothing(
    runs: Runs,
) -> None:
    seen = runs.create_run("ada", runs.common)
    runs.create_run("ada", runs.secret, (PARENT, seen))
    orphan = runs.create_run("ada", runs.common, (PARENT, runs.run_id))
    search = pb.SearchRunsRequest(top_level_only=True, with_child_counts=True)
    for name, counted, is_top in (("eve", 0, True), ("ada", 1, False)):
        found = {r.info.run_id: r.child_count for r in runs.api(name).runs.SearchRuns(search).runs}
        assert found[seen] == counted
        assert (orphan in found) == is_top
