"""Runs are grouped by what they have, with statistics of what they logged (S13)."""

from __future__ import annotations

import math
from typing import Any

import grpc
import pytest

from runstream.v1.run_groups_pb2 import (
    STATISTIC_DEVIATION,
    STATISTIC_MAXIMUM,
    GroupRunsRequest,
    GroupRunsResponse,
    RunGroup,
)
from runstream.v1.run_pb2 import Dataset, DatasetInput, InputTag, RunStatus
from runstream.v1.run_service_pb2 import (
    DeleteRunRequest,
    LogInputsRequest,
    SearchRunsRequest,
    UpdateRunRequest,
)
from support.api import expect_refusal
from support.named_runs import NamedRuns

NAN, INF = math.nan, math.inf


def values(groups: list[RunGroup]) -> list[tuple[str | None, ...]]:
    return [tuple(v.value if v.HasField("value") else None for v in g.values) for g in groups]


def group(runs: NamedRuns, *by: str, **fields: Any) -> list[RunGroup]:
    """Return all groups of all pages; each filter must find as many runs as its group has."""
    request = GroupRunsRequest(by=by, **fields)
    pages: list[GroupRunsResponse] = []
    while not pages or request.page_token:
        pages.append(runs.api.runs.GroupRuns(request))
        request.page_token = pages[-1].next_page_token
    groups = [found for page in pages for found in page.groups]
    assert {page.group_count for page in pages} == {len(groups)}
    for found in groups:
        both = " AND ".join(f"({part})" for part in (request.filter, found.filter) if part)
        search = SearchRunsRequest(filter=both)
        assert len(runs.api.runs.SearchRuns(search).runs) == found.run_count
    return groups


def test_groups_have_the_values_of_several_keys_in_order(runs: NamedRuns) -> None:
    for lr, seeds in {"0.1": 3, "0.02": 1, "1e-1": 2, "auto": 1, "it's": 1, "NaN": 1}.items():
        for seed in range(seeds):
            runs.add(f"{lr} {seed}", {}, {"lr": lr}, {"team": "red" if seed else "blue"})
    runs.add("none")
    groups = group(runs, "params.lr")
    assert values(groups) == [
        ("0.02",), ("0.1",), ("1e-1",), ("NaN",), ("auto",), ("it's",), (None,)
    ]  # fmt: skip
    assert [found.run_count for found in groups] == [1, 3, 2, 1, 1, 1, 1]
    both = group(runs, "params.lr", "tags.team", filter="params.lr = 0.1", max_results=1)
    assert [(*value, found.run_count) for value, found in zip(values(both), both, strict=True)] == [
        ("0.1", "blue", 1), ("0.1", "red", 2), ("1e-1", "blue", 1), ("1e-1", "red", 1)
    ]  # fmt: skip
    assert values(group(runs, "params.lr", order_by="params.lr DESC", max_results=2)) == [
        ("1e-1",), ("0.1",), ("0.02",), ("NaN",), ("it's",), ("auto",), (None,)
    ]  # fmt: skip


def test_groups_tell_the_ids_of_their_latest_runs(runs: NamedRuns) -> None:
    ids = [runs.add(str(i), {}, {"lr": "ab"[i % 2]}) for i in range(7)]
    for size in (1, 5_000):
        all_ids = group(runs, "params.lr", max_run_ids=1_000, max_results=size)
        assert [list(found.run_ids) for found in all_ids] == [ids[6::-2], ids[5::-2]]
    assert [list(one.run_ids) for one in group(runs, "params.lr", max_run_ids=2)] == [
        ids[6:3:-2], ids[5:2:-2]
    ]  # fmt: skip
    assert [list(found.run_ids) for found in group(runs, "params.lr")] == [[], []]


def test_groups_count_statuses_and_tell_what_is_common(runs: NamedRuns) -> None:
    first = runs.add("a", {}, {"lr": "1", "seed": "1"}, {"team": "red"})
    runs.add("b", {}, {"lr": "1", "seed": "2"}, {"team": "red"})
    gone = runs.add("c", {}, {"lr": "2", "seed": "3"})
    runs.api.runs.UpdateRun(
        UpdateRunRequest(run_id=first, status=RunStatus.FINISHED, end_time=1_000)
    )
    runs.api.runs.DeleteRun(DeleteRunRequest(run_id=gone))
    keys = ["params.seed", "tags.team", "tags.none"]
    (found,) = group(runs, "params.lr", text_keys=keys, number_keys=["duration"])
    assert {each.status: each.count for each in found.statuses} == {
        RunStatus.FINISHED: 1,
        RunStatus.RUNNING: 1,
    }
    assert found.latest_start == 2
    assert [(text.value_count, text.value) for text in found.texts] == [
        (2, ""),
        (1, "red"),
        (1, ""),
    ]
    assert not found.texts[2].HasField("value")
    assert (found.numbers[0].count, found.numbers[0].mean) == (1, 999)
    assert not found.numbers[0].HasField("deviation")
    assert values(group(runs, "status")) == [("FINISHED",), ("RUNNING",)]


def test_statistics_leave_nan_out_and_hold_at_any_size(runs: NamedRuns) -> None:
    logged = {
        "plain": [1.0, 2.0, 4.0, NAN],
        "large": [1e308, 1.7e308],
        "small": [1e-300, 3e-300],
        "infinite": [INF, 1.0],
        "both": [INF, -INF],
        "nan": [NAN],
        "single": [0.1],
    }
    for name, numbers in logged.items():
        for number in numbers:
            runs.add(name, {"m": number}, {"kind": name})
    runs.add("empty", {}, {"kind": "empty"})
    found = {
        each.values[0].value: each.numbers[0]
        for each in group(runs, "params.kind", number_keys=["metrics.m"])
    }
    plain = found["plain"]
    assert (plain.count, plain.nan_count, plain.minimum, plain.maximum) == (3, 1, 1, 4)
    assert plain.median == 2
    assert plain.mean == pytest.approx(7 / 3)
    assert plain.deviation == pytest.approx(1.5275252316519468)
    assert found["large"].mean == pytest.approx(1.35e308)
    assert found["large"].deviation == pytest.approx(0.7e308 / math.sqrt(2))
    assert found["small"].deviation == pytest.approx(2e-300 / math.sqrt(2))
    assert (found["infinite"].mean, found["infinite"].minimum) == (INF, 1)
    assert math.isnan(found["both"].mean)
    assert math.isnan(found["infinite"].deviation)
    assert (found["nan"].count, found["nan"].nan_count) == (0, 1)
    assert not found["nan"].HasField("mean")
    assert (found["single"].mean, found["single"].HasField("deviation")) == (0.1, False)
    assert (found["empty"].count, found["empty"].nan_count) == (0, 0)


def test_groups_are_ordered_by_a_statistic_on_every_page(runs: NamedRuns) -> None:
    logged = {"a": [1.0, 9], "b": [4.0, 5], "c": [NAN], "d": [8.0, 8, 8], "e": [8.0]}
    for name, numbers in logged.items():
        for number in numbers:
            runs.add(name, {"m": number}, {"kind": name})
    fields: dict[str, Any] = {"number_keys": ["metrics.m", "minimum.m"], "max_results": 2}
    by_mean = group(runs, "params.kind", order_by="metrics.m DESC", **fields)
    assert [value for (value,) in values(by_mean)] == ["d", "e", "a", "b", "c"]
    by_most = group(
        runs, "params.kind", order_by="metrics.m", order_statistic=STATISTIC_MAXIMUM, **fields
    )
    assert [value for (value,) in values(by_most)] == ["b", "d", "e", "a", "c"]
    by_spread = group(
        runs, "params.kind", order_by="minimum.m", order_statistic=STATISTIC_DEVIATION, **fields
    )
    assert [value for (value,) in values(by_spread)] == ["d", "b", "a", "c", "e"]


def test_runs_are_grouped_by_parents_and_datasets(runs: NamedRuns) -> None:
    parent = runs.add("sweep")
    for name, datasets in {"one": ["a"], "two": ["a"], "three": ["b", "a"]}.items():
        run_id = runs.add(name, {}, {}, {"mlflow.parentRunId": parent})
        inputs = [
            DatasetInput(
                dataset=Dataset(name=dataset, digest=dataset, source="s", source_type="t"),
                tags=[InputTag(key="mlflow.data.context", value="train")],
            )
            for dataset in datasets
        ]
        runs.api.runs.LogInputs(LogInputsRequest(run_id=run_id, datasets=inputs))
    of_parent, without = group(runs, "tags.mlflow.parentRunId")
    assert (of_parent.values[0].run_name, of_parent.values[0].value) == ("sweep", parent)
    assert (of_parent.run_count, without.run_count) == (3, 1)
    by_name = group(runs, "datasets.name")
    assert values(by_name) == [("a",), ("a, b",), (None,)]
    assert [found.run_count for found in by_name] == [2, 1, 1]
    assert values(
        group(runs, "datasets.context", "dataset.digest", filter="run_name = 'three'")
    ) == [("train", "a, b")]


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({}, "BY_MALFORMED", "by"),
        ({"by": ["params.a"] * 6}, "BY_MALFORMED", "by"),
        ({"by": ["metrics.loss"]}, "BY_MALFORMED", "by"),
        ({"by": ["params.lr DESC"]}, "BY_MALFORMED", "by"),
        ({"by": ["start_time"]}, "BY_MALFORMED", "by"),
        ({"by": ["status"], "number_keys": ["params.lr"]}, "NUMBER_KEYS_MALFORMED", "number_keys"),
        ({"by": ["status"], "text_keys": ["params.a"] * 101}, "TEXT_KEYS_MALFORMED", "text_keys"),
        ({"by": ["status"], "order_by": "params.lr"}, "ORDER_BY_MALFORMED", "order_by"),
        ({"by": ["status"], "max_results": 5_001}, "PAGE_SIZE_OUT_OF_RANGE", "max_results"),
        ({"by": ["status"], "page_token": "x"}, "PAGE_TOKEN_MISMATCH", "page_token"),
        ({"by": ["status"], "order_statistic": 9}, "STATISTIC_UNKNOWN", "order_statistic"),
        ({"by": ["status"], "max_run_ids": 1_001}, "MAX_RUN_IDS_OUT_OF_RANGE", "max_run_ids"),
        ({"by": ["status"], "max_run_ids": -1}, "MAX_RUN_IDS_OUT_OF_RANGE", "max_run_ids"),
        ({"by": ["status"], "filter": "x <"}, "FILTER_MALFORMED", "filter"),
    ],
)
def test_a_malformed_request_is_refused_with_its_field(
    filled: NamedRuns, fields: dict[str, Any], reason: str, field: str
) -> None:
    with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, reason) as refusal:
        filled.api.runs.GroupRuns(GroupRunsRequest(**fields))
    assert refusal.metadata["field"] == field
