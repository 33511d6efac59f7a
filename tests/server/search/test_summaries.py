"""What pages of people need at a glance: summaries of metrics, keys, and what happens where."""

from __future__ import annotations

import math
import time

import grpc
import pytest

from runstream.v1 import experiment_service_pb2 as experiments_pb
from runstream.v1 import run_keys_pb2 as keys_pb
from runstream.v1 import run_service_pb2 as pb
from runstream.v1.logging_service_pb2 import LogRequest
from runstream.v1.metric_pb2 import LoggedMetric, MetricSummary
from runstream.v1.run_pb2 import KeySelection, RunStatus
from support.api import Api, expect_refusal
from support.named_runs import NamedRuns


@pytest.fixture
def named(api: Api) -> NamedRuns:
    return NamedRuns(api)


def log(api: Api, run_id: str, key: str, *values: float) -> None:
    points = [LoggedMetric(key=key, value=v, step=i, timestamp=1) for i, v in enumerate(values)]
    api.logging.Log(LogRequest(run_id=run_id, metrics=points))


def summaries(api: Api, **fields: object) -> list[list[MetricSummary]]:
    request = pb.SearchRunsRequest(order_by=["start_time"], **fields)  # type: ignore[arg-type]
    return [list(run.data.metric_summaries) for run in api.runs.SearchRuns(request).runs]


def test_a_search_returns_the_extremes_of_each_metric_if_asked(
    api: Api, named: NamedRuns
) -> None:  # S8
    run = named.add("a")
    log(api, run, "loss", 3.0, 1.0, 2.0)
    log(api, run, "wild", math.inf, math.nan, -math.inf)
    log(api, run, "none", math.nan)
    assert summaries(api) == [[]]
    (found,) = summaries(api, with_metric_summaries=True)
    assert found == [
        MetricSummary(key="loss", count=3, minimum=1.0, maximum=3.0),
        MetricSummary(key="none", count=1),
        MetricSummary(key="wild", count=3, minimum=-math.inf, maximum=math.inf),
    ]
    chosen = KeySelection(keys=["loss"])
    (found,) = summaries(api, with_metric_summaries=True, metric_keys=chosen)
    assert [summary.key for summary in found] == ["loss"]


def test_runs_are_ordered_and_filtered_by_extremes(api: Api, named: NamedRuns) -> None:  # S8
    for name, values in {"a": (5, 1, 5), "b": (3, 2, 9), "c": (4, 4, 4)}.items():
        log(api, named.add(name), "loss", *values)
    log(api, named.add("nan"), "loss", math.nan)
    named.add("bare")
    assert named.search_names("", "minimum.loss") == "a b c bare nan"
    assert named.search_names("", "minimum.loss DESC") == "c b a bare nan"
    assert named.search_names("", "maximum.loss DESC") == "b a c bare nan"
    assert named.search_names("minimum.loss < 3") == "a b"
    assert named.search_names("maximum.loss BETWEEN 4 AND 5") == "a c"
    assert named.search_names("minimum.loss IS NULL") == "nan bare"
    assert named.search_names("maximum.loss IS NOT NULL", "minimum.loss") == "a b c"
    # Each page begins where the one before ended, also among runs without a value.
    assert named.search_names("", "maximum.loss", max_results=1) == "c a b bare nan"


def test_runs_are_ordered_and_filtered_by_duration(api: Api, named: NamedRuns) -> None:  # S8
    for name, milliseconds in {"long": 500, "short": 100, "middle": 300}.items():
        run = named.add(name)
        start = api.runs.GetRun(pb.GetRunRequest(run_id=run)).run.info.start_time
        end = start + milliseconds
        api.runs.UpdateRun(pb.UpdateRunRequest(run_id=run, status=RunStatus.FINISHED, end_time=end))
    named.add("running")
    assert named.search_names("", "duration") == "short middle long running"
    assert named.search_names("", "duration DESC", max_results=2) == "long middle short running"
    assert named.search_names("duration >= 300") == "long middle"
    assert named.search_names("duration IS NULL") == "running"


def test_keys_are_those_of_the_active_runs_of_the_experiments(api: Api, named: NamedRuns) -> None:
    other = api.create_experiment("other")
    named.add("a", {"loss": 1}, {"lr": "1"}, {"team": "x"})
    named.add("b", {"acc/val": 1, "loss": 2}, {"depth": "3"})
    named.add("elsewhere", {"far": 1}, experiment_id=other)
    gone = named.add("gone", {"lost": 1})
    api.runs.DeleteRun(pb.DeleteRunRequest(run_id=gone))
    assert api.runs.ListKeys(
        keys_pb.ListKeysRequest(experiment_ids=["0"])
    ) == keys_pb.ListKeysResponse(
        metrics=["acc/val", "loss"], params=["depth", "lr"], tags=["mlflow.runName", "team"]
    )
    both = api.runs.ListKeys(keys_pb.ListKeysRequest(experiment_ids=["0", other, "77"]))
    assert list(both.metrics) == ["acc/val", "far", "loss"]
    assert (
        api.runs.ListKeys(keys_pb.ListKeysRequest(experiment_ids=["77"]))
        == keys_pb.ListKeysResponse()
    )


def test_activity_counts_active_runs_and_knows_the_last_event(api: Api, named: NamedRuns) -> None:
    other = api.create_experiment("other")
    ended = named.add("ended")
    named.add("running")
    gone = named.add("gone")
    api.runs.DeleteRun(pb.DeleteRunRequest(run_id=gone))
    end = 10_000
    api.runs.UpdateRun(pb.UpdateRunRequest(run_id=ended, status=RunStatus.FINISHED, end_time=end))
    request = experiments_pb.GetActivityRequest(experiment_ids=["0", other, "77"])
    (activity,) = api.experiments.GetActivity(request).activities
    assert activity == experiments_pb.ExperimentActivity(
        experiment_id="0", runs=2, running=1, last_activity=end
    )
    named.add("first", experiment_id=other)
    found = api.experiments.GetActivity(request).activities
    assert [(one.experiment_id, one.runs, one.running) for one in found] == [
        ("0", 2, 1),
        (other, 1, 1),
    ]


def test_activity_of_a_deleted_experiment_is_that_of_the_runs_deleted_with_it(
    api: Api, named: NamedRuns
) -> None:
    experiment = api.create_experiment("binned")
    now = time.time_ns() // 1_000_000
    for name, start in (("today", now), ("long ago", 10_000), ("running", 20_000)):
        new = pb.CreateRunRequest(run_name=name, experiment_id=experiment, start_time=start)
        run_id = api.runs.CreateRun(new).run.info.run_id
        if name != "running":
            ended = pb.UpdateRunRequest(run_id=run_id, status=RunStatus.FINISHED, end_time=30_000)
            api.runs.UpdateRun(ended)
    alone = named.add("alone", experiment_id=experiment)
    api.runs.DeleteRun(pb.DeleteRunRequest(run_id=alone))
    request = experiments_pb.GetActivityRequest(experiment_ids=[experiment], days=2)
    before = api.experiments.GetActivity(request).activities
    assert [(one.runs, one.running, sum(one.runs_per_day)) for one in before] == [(3, 1, 1)]
    api.experiments.DeleteExperiment(
        experiments_pb.DeleteExperimentRequest(experiment_id=experiment)
    )
    assert api.experiments.GetActivity(request).activities == before
    api.experiments.RestoreExperiment(
        experiments_pb.RestoreExperimentRequest(experiment_id=experiment)
    )
    assert api.experiments.GetActivity(request).activities == before


def test_activity_counts_the_runs_of_each_day(api: Api, named: NamedRuns) -> None:
    day = 86_400_000
    now = time.time_ns() // 1_000_000
    for name, start in (("today", now), ("too", now), ("old", now - 2 * day), ("gone", 1)):
        api.runs.CreateRun(pb.CreateRunRequest(run_name=name, start_time=start))
    deleted = api.runs.CreateRun(pb.CreateRunRequest(start_time=now)).run.info.run_id
    api.runs.DeleteRun(pb.DeleteRunRequest(run_id=deleted))
    named.add("elsewhere", experiment_id=api.create_experiment("other"))
    request = experiments_pb.GetActivityRequest(experiment_ids=["0"], days=3)
    (activity,) = api.experiments.GetActivity(request).activities
    assert activity.runs == 4
    assert list(activity.runs_per_day) in ([1, 0, 2], [0, 2, 0])  # midnight may have come meanwhile
    for days in (-1, 367):
        with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, "DAYS_OUT_OF_RANGE"):
            api.experiments.GetActivity(
                experiments_pb.GetActivityRequest(experiment_ids=["0"], days=days)
            )


def test_an_experiment_must_be_named(api: Api) -> None:
    for call in (
        lambda: api.runs.ListKeys(keys_pb.ListKeysRequest()),
        lambda: api.experiments.GetActivity(experiments_pb.GetActivityRequest()),
    ):
        with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, "EXPERIMENT_IDS_MISSING") as refusal:
            call()
        assert refusal.metadata["field"] == "experiment_ids"
