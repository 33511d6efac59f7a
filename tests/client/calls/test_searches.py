"""Searching through the client, to lists, iterators and data frames."""

from __future__ import annotations

import math
import multiprocessing
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas
import pytest

import runstream
from runstream import InvalidArgument, Metric, TrackingClient
from runstream.calls.runs_frame import runs_to_frame
from support.server_process import ServerProcess


@pytest.fixture
def fluent(server: ServerProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[TrackingClient]:
    """The client that the fluent API uses, in an experiment of its own."""
    for name in ("RUNSTREAM_TRACKING_URI", "RUNSTREAM_EXPERIMENT_ID"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    runstream.set_tracking_uri(server.uri)
    runstream.set_experiment("searched")
    with TrackingClient(server.uri) as client:
        yield client


def names(runs: Iterator[runstream.Run]) -> list[str]:
    return [run.info.run_name for run in runs]


def test_what_was_logged_just_now_is_found(client: TrackingClient) -> None:
    run_id = client.create_run(run_name="first").info.run_id
    client.create_run(run_name="second")
    client.log_metric(run_id, "loss", 0.5)
    client.log_param(run_id, "lr", "0.1")
    found = client.search_runs(filter_string="metrics.loss < 1 and params.lr = '0.1'")
    assert names(found) == ["first"]
    assert client.count_runs(filter_string="metrics.loss < 1") == 1
    assert names(client.search_runs(order_by=["run_name DESC"])) == ["second", "first"]


def test_an_iterator_asks_for_pages_as_they_are_needed(
    client: TrackingClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runstream.calls.search_calls._PAGE_SIZE", 3)
    for i in range(8):
        client.create_run(run_name=f"r{i}", start_time=i + 1)
    assert names(client.search_runs()) == [f"r{i}" for i in range(7, -1, -1)]
    assert names(client.search_runs(max_results=4)) == ["r7", "r6", "r5", "r4"]
    assert names(client.search_runs(max_results=0)) == []
    for i in range(5):
        client.create_experiment(f"e{i}")
    found = [e.name for e in client.search_experiments(order_by=["name"], max_results=5)]
    assert found == ["Default", "e0", "e1", "e2", "e3"]
    assert len(list(client.search_experiments())) == 6


@pytest.fixture
def begun(client: TrackingClient, monkeypatch: pytest.MonkeyPatch) -> Iterator[runstream.Run]:
    """A search for eight runs of which one was taken, and the second page is under way."""
    monkeypatch.setattr("runstream.calls.search_calls._PAGE_SIZE", 3)
    for i in range(8):
        client.create_run(run_name=f"r{i}", start_time=i + 1)
    found = client.search_runs()
    assert next(found).info.run_name == "r7"
    return found


def test_a_search_goes_on_after_the_server_was_killed(
    begun: Iterator[runstream.Run], server: ServerProcess
) -> None:
    server.kill()
    server.restart()
    assert names(begun) == [f"r{i}" for i in range(6, -1, -1)]


def test_a_search_goes_on_in_parent_and_child_after_a_fork(begun: Iterator[runstream.Run]) -> None:
    rest = [f"r{i}" for i in range(6, -1, -1)]
    child = multiprocessing.get_context("fork").Process(
        target=lambda: sys.exit(names(begun) != rest)
    )
    child.start()
    assert names(begun) == rest
    child.join()
    assert child.exitcode == 0


def test_keys_and_views_are_chosen(client: TrackingClient) -> None:
    run_id = client.create_run(run_name="one", tags={"team": "red"}).info.run_id
    client.log(run_id, [Metric("a", 1.0, 1, 0), Metric("b", 2.0, 1, 0)], {"p": "x"})
    (run,) = client.search_runs(metrics=["b"], params=[], tags=["team"])
    assert (run.data.metrics, run.data.params, run.data.tags) == ({"b": 2.0}, {}, {"team": "red"})
    client.delete_run(run_id)
    assert names(client.search_runs()) == []
    assert names(client.search_runs(run_view_type="DELETED_ONLY")) == ["one"]
    assert client.count_runs(run_view_type="ALL") == 1
    assert names(client.search_runs([], run_view_type="ALL")) == []


def test_values_and_what_may_be_meant_are_told(client: TrackingClient) -> None:  # S11, S12
    for opt in ("adam", "adam", "sgd"):
        client.log(client.create_run().info.run_id, [Metric("val_loss", 1.0, 1, 0)], {"opt": opt})
    assert client.list_values(["0"], "params.opt") == [("adam", 2), ("sgd", 1)]
    assert client.list_values(["0"], "params.opt", "G", max_results=1) == [("sgd", 1)]
    told = ["There is no metric val_los. Did you mean val_loss?"]
    assert client.get_filter_hints(["0"], "metrics.val_los < 1") == told
    assert client.get_filter_hints(["0"], "metrics.val_loss < 0") == []
    with pytest.raises(InvalidArgument, match="list of texts"):
        client.list_values("0", "params.opt")


def test_mistakes_are_refused(client: TrackingClient) -> None:
    with pytest.raises(InvalidArgument) as raised:
        next(client.search_runs(filter_string="metrics.loss ?"))
    assert raised.value.metadata["column"] == "14"
    with pytest.raises(InvalidArgument, match="ACTIVE_ONLY"):
        client.search_runs(run_view_type="SOME")
    with pytest.raises(InvalidArgument, match="list of texts"):
        client.search_runs("0")
    with pytest.raises(InvalidArgument, match="output_format"):
        runstream.search_runs(output_format="csv")  # type: ignore[call-overload]
    with pytest.raises(InvalidArgument, match="either"):
        runstream.search_runs(["0"], experiment_names=["x"])


@pytest.mark.usefixtures("fluent")
def test_a_data_frame_has_the_columns_of_mlflow() -> None:
    with runstream.start_run(run_name="a", tags={"team": "red"}):
        runstream.log_params({"lr": "0.1"})
        runstream.log_metrics({"loss": 0.5, "acc": math.nan})
    with runstream.start_run(run_name="b"):
        runstream.log_metric("loss", 0.25)
    with runstream.start_run(run_name="c"):
        frame = runstream.search_runs(order_by=["metrics.loss"])
    base = ["run_id", "experiment_id", "status", "artifact_uri", "start_time", "end_time"]
    assert list(frame.columns[:8]) == [*base, "metrics.acc", "metrics.loss"]
    assert list(frame["tags.mlflow.runName"]) == ["b", "a", "c"]
    assert list(frame["status"]) == ["FINISHED", "FINISHED", "RUNNING"]
    assert list(frame["metrics.loss"][:2]) == [0.25, 0.5]
    assert math.isnan(frame["metrics.loss"][2])
    assert frame["metrics.loss"].dtype == "float64"
    assert list(frame["params.lr"]) == [None, "0.1", None]
    assert list(frame["tags.team"]) == [None, "red", None]
    assert str(frame["start_time"].dt.tz) == "UTC"
    assert abs(frame["start_time"][0] - pandas.Timestamp.now("UTC")) < pandas.Timedelta("1min")
    assert frame["end_time"].isna().tolist() == [False, False, True]


@pytest.mark.usefixtures("fluent")
def test_an_empty_search_gives_an_empty_frame_or_list() -> None:
    frame = runstream.search_runs(filter_string="metrics.none > 1")
    assert (len(frame), list(frame.columns)[:2]) == (0, ["run_id", "experiment_id"])
    assert runstream.search_runs(output_format="list") == []


def test_the_chosen_experiment_is_searched_unless_others_are_named(
    fluent: TrackingClient,
) -> None:
    with runstream.start_run(run_name="mine"):
        pass
    fluent.create_run(run_name="other")

    def found(**arguments: object) -> set[str]:
        runs = runstream.search_runs(output_format="list", **arguments)  # type: ignore[call-overload]
        return {run.info.run_name for run in runs}

    assert found() == {"mine"}
    assert found(experiment_names=["Default", "none"]) == {"other"}
    assert found(experiment_ids=["0"]) == {"other"}
    assert found(search_all_experiments=True) == {"mine", "other"}
    assert found(experiment_names=[]) == set()
    assert runstream.count_runs() == 1
    assert runstream.count_runs(["0"]) == 1


@pytest.mark.usefixtures("fluent")
def test_children_are_found_by_their_parent() -> None:
    """R4."""
    with runstream.start_run() as parent:
        for i in range(2):
            with runstream.start_run(run_name=f"child {i}", nested=True):
                pass
    found = runstream.search_runs(
        filter_string=f"tags.mlflow.parentRunId = '{parent.info.run_id}'",
        order_by=["run_name"],
        output_format="list",
    )
    assert [run.info.run_name for run in found] == ["child 0", "child 1"]


@pytest.mark.usefixtures("fluent")
def test_experiments_are_renamed_deleted_restored_and_described() -> None:
    """E3, E4."""
    number = runstream.create_experiment("one")
    runstream.rename_experiment(number, "two")
    runstream.delete_experiment(number)
    assert [e.name for e in runstream.search_experiments("DELETED_ONLY")] == ["two"]
    runstream.restore_experiment(number)
    runstream.set_experiment_tags({"mlflow.note.content": "# Search", "team": "red"})
    (found,) = runstream.search_experiments(filter_string="tags.team = 'red'")
    assert (found.name, found.tags["mlflow.note.content"]) == ("searched", "# Search")
    with runstream.start_run() as run:
        pass
    runstream.delete_run(run.info.run_id)
    assert runstream.count_runs() == 0
    runstream.restore_run(run.info.run_id)
    assert runstream.count_runs() == 1


def test_a_search_works_on_a_file(tmp_path: Path) -> None:
    with TrackingClient(tmp_path / "runs.db") as client:
        run_id = client.create_run().info.run_id
        client.log_metric(run_id, "loss", 1.0)
        assert [run.info.run_id for run in client.search_runs(["0"], "metrics.loss = 1")] == [
            run_id
        ]


def test_a_bare_name_is_refused_with_the_names_that_it_may_mean(client: TrackingClient) -> None:
    """S4."""
    hint = "; a metric is metrics.loss, a param is params.loss, a tag is tags.loss"
    for found in (
        client.search_runs(filter_string="loss < 1"),
        client.search_runs(order_by=["loss DESC"]),
    ):
        with pytest.raises(InvalidArgument, match="there is 'loss'") as error:
            next(found)
        assert str(error.value).endswith(hint)
    with pytest.raises(InvalidArgument) as error:
        next(client.search_experiments(order_by=["team"]))
    assert str(error.value) == (
        "Invalid value 'team' for parameter 'order_by' supplied: at column 1 there is 'team', "
        "expected is name or experiment_id or creation_time or last_update_time; "
        "a tag is tags.team"
    )


def test_a_data_frame_of_thousands_of_keys_makes_no_series_for_each(
    client: TrackingClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = client.create_run().info.run_id
    client.log_metrics(run_id, {f"m{number}": float(number) for number in range(3000)})
    client.log_params(run_id, {f"p{number}": number for number in range(1000)})
    found = [client.get_run(run_id), client.create_run()]
    create, made = pandas.Series.__init__, []

    def count(*args: Any, **options: Any) -> None:
        made.append(1)
        create(*args, **options)

    monkeypatch.setattr(pandas.Series, "__init__", count)
    frame = runs_to_frame(found)
    monkeypatch.undo()
    assert len(made) < 100
    assert list(frame["metrics.m2999"].fillna(-1)) == [2999, -1]
    assert list(frame["params.p999"]) == ["999", None]
    assert frame.dtypes["metrics.m2999"] == "float64"
    assert frame.dtypes["params.p999"] == "object"


def test_runs_are_grouped_with_statistics(client: TrackingClient) -> None:
    """S13."""
    for lr, losses in {"0.1": (1.0, 2.0), "0.02": (4.0, math.nan), "none": ()}.items():
        for loss in losses or (None,):
            run_id = client.create_run(run_name=lr, tags={"team": "red"}).info.run_id
            if loss is not None:
                client.log_param(run_id, "lr", lr)
                client.log_metric(run_id, "loss", loss)
    low, high, none = client.group_runs(
        ["params.lr"],
        ["0"],
        numbers=["metrics.loss"],
        texts=["tags.team", "run_name"],
        max_run_ids=1,
    )
    assert (low.values, high.values) == ({"params.lr": "0.02"}, {"params.lr": "0.1"})
    assert none.values == {"params.lr": None}
    assert (high.run_count, high.statuses) == (2, {"RUNNING": 2})
    assert [len(group.run_ids) for group in (low, high, none)] == [1, 1, 1]
    assert client.get_run(high.run_ids[0]).data.params == {"lr": "0.1"}
    assert (high.numbers["metrics.loss"].mean, low.numbers["metrics.loss"].nan_count) == (1.5, 1)
    assert none.numbers["metrics.loss"].mean is None
    assert high.texts == {"tags.team": "red", "run_name": "0.1"}
    assert names(client.search_runs(["0"], high.filter_string)) == ["0.1", "0.1"]
    by_loss = client.group_runs(
        ["params.lr"], order_by="metrics.loss DESC", numbers=["metrics.loss"], statistic="maximum"
    )
    assert [group.values["params.lr"] for group in by_loss] == ["0.02", "0.1", None]
    with pytest.raises(InvalidArgument, match="statistic"):
        client.group_runs(["params.lr"], statistic="mode")
    with pytest.raises(InvalidArgument, match="by"):
        client.group_runs("params.lr")


def test_params_are_told_by_how_much_they_matter(client: TrackingClient) -> None:
    """S14."""
    for i in range(10):
        run_id = client.create_run().info.run_id
        client.log_param(run_id, "lr", i)
        client.log_param(run_id, "even", i % 2 == 0)
        client.log_metric(run_id, "loss", -(i**3))
    found = client.get_param_importance("metrics.loss", ["0"])
    assert found.method == "rank_correlation"
    assert (found.run_count, found.read_run_count, found.used_run_count) == (10, 10, 10)
    assert (found.nan_run_count, found.param_count, found.score) == (0, 2, None)
    first, second = found.params
    assert (first.key, first.importance, first.correlation) == ("lr", 1, -1)
    assert (second.key, second.correlation, second.run_count) == ("even", None, 10)
    assert second.value_count == 2
    few = client.get_param_importance("minimum.loss", ["0"], "params.lr < 3")
    assert (few.method, few.used_run_count, few.params) == ("", 3, [])
    assert client.get_param_importance("metrics.loss", []).run_count == 0
    with pytest.raises(InvalidArgument, match="number_key"):
        client.get_param_importance("params.lr")
