"""What helps to write a filter: the values of a key, and what in a filter may be a mistake."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from runstream.v1 import run_keys_pb2 as keys_pb
from runstream.v1 import run_service_pb2 as pb
from runstream.v1.run_pb2 import Dataset, DatasetInput, InputTag
from support.api import Api, expect_refusal
from support.named_runs import NamedRuns


@pytest.fixture
def named(runs: NamedRuns) -> NamedRuns:
    for name, lr, optimizer in (
        ("a", "0.1", "adam"),
        ("b", "1e-1", "sgd"),
        ("c", "auto", "adam"),
        ("d", "NaN", "Ädam"),
    ):
        runs.add(name, {"val/loss": ord(name)}, {"lr": lr, "opt": optimizer}, {"mlflow.user": name})
    runs.add("e", {"val/loss": float("nan")}, {"lr": "5", "opt": "x" * 501})
    return runs


def values(api: Api, key: str, **fields: object) -> list[tuple[str, int]]:
    request = keys_pb.ListValuesRequest(experiment_ids=["0"], key=key, **fields)  # type: ignore[arg-type]
    return [(one.value, one.runs) for one in api.runs.ListValues(request).values]


def bounds(api: Api, key: str) -> tuple[float, float]:
    answer = api.runs.ListValues(keys_pb.ListValuesRequest(experiment_ids=["0"], key=key))
    return answer.minimum, answer.maximum


@pytest.mark.usefixtures("named")
def test_the_most_frequent_values_of_a_key_come_first(api: Api) -> None:  # S11
    assert values(api, "params.opt") == [("adam", 2), ("sgd", 1), ("Ädam", 1)]
    assert values(api, "params.opt", contains="DAM") == [("adam", 2), ("Ädam", 1)]
    assert values(api, "params.opt", contains="äd", max_results=1) == [("Ädam", 1)]
    assert values(api, "params.opt", max_results=1) == [("adam", 2)]
    assert values(api, 'tags."mlflow.user"', contains="b") == [("b", 1)]
    assert values(api, "run_name", max_results=2) == [("a", 1), ("b", 1)]
    assert values(api, "status", contains="run") == [("RUNNING", 5)]
    assert values(api, "params.none") == []
    assert values(api, "metrics.val/loss") == []


def test_values_are_those_of_the_runs_that_are_asked_for(api: Api, named: NamedRuns) -> None:  # S11
    other = api.create_experiment("other")
    far = named.add("far", {}, {"opt": "far"}, experiment_id=other)
    gone = named.add("gone", {}, {"opt": "gone"})
    api.runs.DeleteRun(pb.DeleteRunRequest(run_id=gone))
    assert "gone" not in dict(values(api, "params.opt"))
    assert values(api, "params.opt", run_view_type="DELETED_ONLY") == [("gone", 1)]
    request = keys_pb.ListValuesRequest(experiment_ids=[other, "77"], key="params.opt")
    assert [one.value for one in api.runs.ListValues(request).values] == ["far"]
    dataset = DatasetInput(
        dataset=Dataset(name="digits", digest="1", source_type="local", source="x"),
        tags=[InputTag(key="mlflow.data.context", value="training")],
    )
    api.runs.LogInputs(pb.LogInputsRequest(run_id=far, datasets=[dataset]))
    for key, value in (("name", "digits"), ("digest", "1"), ("context", "training")):
        request = keys_pb.ListValuesRequest(experiment_ids=[other], key=f"datasets.{key}")
        assert [one.value for one in api.runs.ListValues(request).values] == [value]


@pytest.mark.usefixtures("named")
def test_numbers_have_a_range(api: Api) -> None:  # S11
    assert bounds(api, "metrics.val/loss") == (97, 100)
    assert bounds(api, "maximum.val/loss") == (97, 100)
    assert bounds(api, "params.lr") == (0.1, 5)
    assert bounds(api, "start_time") == (1, 5)
    answer = api.runs.ListValues(keys_pb.ListValuesRequest(experiment_ids=["0"], key="params.opt"))
    assert not answer.HasField("minimum")


def test_malformed_requests_for_values_are_refused(api: Api) -> None:
    refused: list[tuple[dict[str, Any], str]] = [
        ({"key": "params.lr"}, "EXPERIMENT_IDS_MISSING"),
        ({"key": "params.lr DESC", "experiment_ids": ["0"]}, "KEY_MALFORMED"),
        ({"key": "foo.lr", "experiment_ids": ["0"]}, "KEY_MALFORMED"),
        ({"key": "nonsense", "experiment_ids": ["0"]}, "KEY_MALFORMED"),
        (
            {"key": "params.lr", "experiment_ids": ["0"], "max_results": 201},
            "PAGE_SIZE_OUT_OF_RANGE",
        ),
    ]
    for fields, reason in refused:
        with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, reason):
            api.runs.ListValues(keys_pb.ListValuesRequest(**fields))


@pytest.mark.usefixtures("named")
def test_a_filter_that_finds_nothing_is_told_what_may_be_meant(api: Api) -> None:  # S12
    val, lower = "Did you mean val/loss?", "metrics.val/loss"
    for text, message, similar in (
        ("metrics.val/los < 1", f"There is no metric val/los. {val}", lower),
        ("metrics.loss < 1", f"There is no metric loss. {val}", lower),
        ("minimum.VAL/LOSS < 1", f"There is no metric VAL/LOSS. {val}", "minimum.val/loss"),
        ("metrics.lr = 1", "There is no metric lr. Did you mean params.lr?", "params.lr"),
        ("params.nothing = '1'", "There is no param nothing.", ""),
        ("run_name = 'x' AND NOT (tags.team IS NULL)", "There is no tag team.", ""),
        ("status = 'done'", "No run has the status done.", ""),
        ("status = 'Failed'", "No run has the status Failed. Did you mean 'FAILED'?", "'FAILED'"),
        ("params.lr = 'Auto'", "No run has the param lr = 'Auto'. Did you mean 'auto'?", "'auto'"),
        ("params.lr = 'auto' OR run_name = 'zz' OR metrics.val/loss > 1e9", "", ""),
        ("", "", ""),
    ):
        request = keys_pb.GetFilterHintsRequest(experiment_ids=["0"], filter=text)
        hints = list(api.runs.GetFilterHints(request).hints)
        assert [hint.message for hint in hints] == [message] * bool(message)
        assert " ".join(name for hint in hints for name in hint.similar) == similar


@pytest.mark.usefixtures("named")
def test_hints_are_few_and_a_malformed_filter_is_refused(api: Api) -> None:
    many = " OR ".join(f"params.q{i} = '1'" for i in range(20))
    request = keys_pb.GetFilterHintsRequest(experiment_ids=["0"], filter=many)
    hints = api.runs.GetFilterHints(request).hints
    assert [hint.column for hint in hints][:2] == [1, 20]
    assert len(hints) == 10
    refused: list[tuple[dict[str, Any], str]] = [
        ({"filter": "params.lr", "experiment_ids": ["0"]}, "FILTER_MALFORMED"),
        ({"filter": "params.lr = '1'"}, "EXPERIMENT_IDS_MISSING"),
    ]
    for fields, reason in refused:
        with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, reason):
            api.runs.GetFilterHints(keys_pb.GetFilterHintsRequest(**fields))
