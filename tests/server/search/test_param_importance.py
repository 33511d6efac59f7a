"""Which params decide a number of runs, and how that was computed (S14)."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable
from pathlib import Path

import grpc
import numpy as np
import pytest

from runstream.v1.param_importance_pb2 import (
    IMPORTANCE_METHOD_PERMUTATION,
    IMPORTANCE_METHOD_RANK_CORRELATION,
    IMPORTANCE_METHOD_UNSPECIFIED,
    GetParamImportanceResponse,
)
from runstream.v1.run_service_pb2 import DeleteRunRequest
from runstream_service.search.importance_forest import ImportanceForest
from runstream_service.search.rank_statistics import (
    average_ranks,
    correlation_ratio,
    rank_correlation,
)
from support.api import Api, expect_refusal
from support.importance import log_content, read_importance
from support.named_runs import NamedRuns
from support.server_process import ServerProcess


@pytest.fixture
def experiment(shared: Api) -> str:
    """An experiment of its own on a server that has scikit-learn loaded: that takes seconds."""
    return shared.create_experiment(secrets.token_hex(8))


def shares(answer: GetParamImportanceResponse) -> dict[str, float]:
    return {param.key: param.importance for param in answer.params}


def test_a_forest_finds_what_decides_a_metric_and_in_which_direction(
    shared: Api, experiment: str
) -> None:
    log_content(shared, experiment)
    greatest = read_importance(shared, "maximum.loss", experiment)
    assert greatest.method == IMPORTANCE_METHOD_PERMUTATION
    found = shares(greatest)
    assert list(found)[:2] == ["lr", "optimizer"]
    assert sum(found.values()) == pytest.approx(1)
    assert found["lr"] + found["optimizer"] > 0.9
    assert "same" not in found
    assert greatest.score > 0.8
    assert (greatest.run_count, greatest.read_run_count, greatest.used_run_count) == (60, 60, 60)
    assert greatest.param_count == len(found) == 5
    params = {param.key: param for param in greatest.params}
    assert params["lr"].correlation > 0.7
    assert (params["lr"].run_count, params["lr"].value_count) == (60, 60)
    assert not params["optimizer"].HasField("correlation")
    assert params["optimizer"].value_count == 3
    assert (params["half"].run_count, params["half"].value_count) == (30, 1)
    last = read_importance(shared, experiment_id=experiment)  # the last value is the opposite
    assert {param.key: param.correlation for param in last.params}["lr"] < -0.7
    again = read_importance(shared, "maximum.loss", experiment)
    assert shares(again) == found  # chance has a fixed seed


def test_without_scikit_learn_each_param_is_correlated_by_ranks(
    start_server: Callable[..., ServerProcess], tmp_path: Path
) -> None:
    hidden = tmp_path / "hidden" / "sklearn"
    hidden.mkdir(parents=True)
    (hidden / "__init__.py").write_text("raise ImportError('not installed')\n")
    server = start_server(PYTHONPATH=str(hidden.parent))
    with grpc.insecure_channel(server.address) as channel:
        api = Api(channel)
        log_content(api)
        answer = read_importance(api, "maximum.loss")
    assert answer.method == IMPORTANCE_METHOD_RANK_CORRELATION
    assert not answer.HasField("score")
    found = {param.key: param for param in answer.params}
    assert list(found)[:2] == ["lr", "optimizer"]
    assert found["lr"].importance == pytest.approx(found["lr"].correlation)
    assert found["lr"].importance > 0.7
    assert 0.2 < found["optimizer"].importance < 0.7
    assert found["note"].importance == 0  # a text of its own for each run says nothing
    assert found["seed"].importance < 0.3


def test_runs_without_the_number_and_those_with_nan_are_counted_and_left_out(
    shared: Api, experiment: str
) -> None:
    runs = NamedRuns(shared)
    for i in range(6):
        runs.add(f"{i}", {"loss": float(i)}, {"lr": str(i)}, experiment_id=experiment)
    runs.add("diverged", {"loss": math.inf}, {"lr": "1e300"}, experiment_id=experiment)
    runs.add("nan", {"loss": math.nan}, {"lr": "7"}, experiment_id=experiment)
    runs.add("none", {}, {"lr": "8"}, experiment_id=experiment)
    gone = runs.add("gone", {"loss": 9.0}, {"lr": "9"}, experiment_id=experiment)
    runs.api.runs.DeleteRun(DeleteRunRequest(run_id=gone))
    answer = read_importance(shared, experiment_id=experiment)
    assert answer.method == IMPORTANCE_METHOD_RANK_CORRELATION  # too few for a forest
    assert (answer.run_count, answer.read_run_count) == (9, 9)
    assert (answer.used_run_count, answer.nan_run_count) == (7, 1)
    assert [(param.key, param.importance) for param in answer.params] == [("lr", 1)]
    few = read_importance(shared, experiment_id=experiment, filter="params.lr < 4")
    assert few.method == IMPORTANCE_METHOD_UNSPECIFIED
    assert (few.run_count, few.used_run_count, len(few.params)) == (4, 4, 0)


def test_texts_beside_numbers_and_equal_losses_are_no_fault(shared: Api, experiment: str) -> None:
    runs = NamedRuns(shared)
    values = ["1", "2.0", "2", "None", "nan", "1e400", "9" * 30, "x" * 65_000]
    for i in range(24):
        runs.add(
            str(i),
            {"loss": i % 8, "same": 1},
            {"depth": values[i % 8], "unique": f"a{i}"},
            experiment_id=experiment,
        )
    found = {param.key: param for param in read_importance(shared, experiment_id=experiment).params}
    assert found["depth"].importance > 0.9
    assert not found["depth"].HasField("correlation")
    assert found["depth"].value_count == 7  # 2 and 2.0 are one
    same = read_importance(shared, "metrics.same", experiment)
    assert all(param.importance == 0 for param in same.params)


def test_a_key_or_filter_that_is_malformed_is_refused(shared: Api) -> None:
    for number in ("", "params.lr", "loss", "status"):
        with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, "NUMBER_KEY_MALFORMED"):
            read_importance(shared, number)
    with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, "FILTER_MALFORMED"):
        read_importance(shared, filter="params.lr <")


def test_rank_statistics_hold_with_ties_and_by_chance() -> None:
    assert average_ranks(np.array([3.0, 1.0, 3.0, math.inf])).tolist() == [2.5, 1, 2.5, 4]
    assert rank_correlation(np.arange(9), np.arange(9) ** 3) == pytest.approx(1)
    assert rank_correlation(np.arange(9), -(np.arange(9.0) ** 9)) == pytest.approx(-1)
    assert rank_correlation(np.zeros(9), np.arange(9)) == 0
    # By hand: ranks 1 2.5 2.5 4 and 1 3 2 4.
    assert rank_correlation(np.array([0, 5, 5, 9]), np.array([1, 3, 2, 4])) == pytest.approx(
        4.5 / math.sqrt(4.5 * 5)
    )
    ranks = average_ranks(np.arange(40.0))
    assert correlation_ratio(np.arange(40) // 20, ranks) == pytest.approx(
        math.sqrt(1 - (1 - 0.75 * 1600 / 1599) * 39 / 38)
    )
    assert correlation_ratio(np.arange(40), ranks) == 0
    by_chance = np.random.default_rng(1).integers(0, 8, 40)
    assert correlation_ratio(by_chance, ranks) < 0.35


def test_a_forest_gives_noise_nothing_and_sees_what_no_correlation_does() -> None:
    random = np.random.default_rng(3)
    valley, noise = random.integers(0, 21, 200), random.integers(0, 21, 200)
    target = average_ranks(abs(valley - 10) + random.normal(0, 0.2, 200))
    assert abs(rank_correlation(valley, target)) < 0.2
    forest = ImportanceForest([noise, valley], target)
    while forest.trees < 30:
        forest.grow_tree()
    assert forest.score() > 0.8
    assert forest.shares()[1] > 0.97
    none = ImportanceForest([noise], random.permutation(target))
    while none.trees < 30:
        none.grow_tree()
    assert none.score() < 0.1
