"""What cannot be a field of a request is an error that names it, whichever call it is given to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import runstream
from runstream import Dataset, InvalidArgument, TrackingClient
from runstream.entities import DatasetInput

SURROGATE = "\ud800"


CALLS: list[tuple[Callable[[TrackingClient, str, Any], Any], str]] = [
    (lambda client, _, bad: client.create_experiment(bad), "name"),
    (lambda client, _, bad: client.get_experiment(bad), "experiment_id"),
    (lambda client, _, bad: client.get_experiment_by_name(bad), "experiment_name"),
    (lambda client, _, bad: client.rename_experiment("0", bad), "new_name"),
    (lambda client, _, bad: client.create_run(run_name=bad), "run_name"),
    (lambda client, _, bad: client.get_run(bad), "run_id"),
    (lambda client, run, bad: client.update_run(run, name=bad), "run_name"),
    (lambda client, run, bad: client.delete_tag(run, bad), "key"),
    (lambda client, _, bad: client.delete_run(bad), "run_id"),
    (lambda client, _, bad: client.log_metric(bad, "loss", 1.0), "run_id"),
    (lambda client, run, bad: client.log_metric(run, bad, 1.0), "key"),
    (lambda client, run, bad: client.log_params(run, [(bad, 1)]), "key"),
    (lambda client, run, bad: client.log(run, tags=[(bad, 1)]), "key"),
    (lambda client, _, bad: list(client.search_runs(filter_string=bad)), "filter"),
    (lambda client, _, bad: list(client.search_experiments(order_by=[bad])), "order_by"),
    (lambda client, _, bad: client.count_runs(filter_string=bad), "filter"),
    (lambda client, run, bad: client.get_metric_history(run, bad), "metric_keys"),
    (lambda client, _, bad: client.get_metric_columns([bad]), "run_ids"),
    (lambda client, _, bad: client.watch([bad]), "run_ids"),
    (lambda client, _, bad: client.list_artifacts(bad), "run_id"),
    (lambda client, _, bad: client.load_text(bad, "a"), "run_id"),
    (lambda client, _, bad: client.log_text(bad, "text", "a"), "run_id"),
]


def test_no_call_takes_what_is_no_text_for_one(client: TrackingClient) -> None:
    """X1."""
    for call, field in CALLS:
        for bad in (SURROGATE, 5, 1.5):
            with pytest.raises(InvalidArgument) as error:
                call(client, "0" * 32, bad)
            assert error.value.metadata["field"] == field


def test_a_dataset_has_texts(client: TrackingClient, run_id: str) -> None:
    for name in (SURROGATE, 5):
        dataset: Any = Dataset(name, "d", "local", "{}", "", "")  # type: ignore[arg-type]
        with pytest.raises(InvalidArgument, match="'name'"):
            client.log_inputs(run_id, [DatasetInput(dataset, {})])
    with pytest.raises(InvalidArgument, match="'value'"):
        client.log_inputs(
            run_id, [DatasetInput(Dataset("n", "d", "local", "{}", "", ""), {"k": SURROGATE})]
        )
    for start_time in (1.5, 2**64, "now"):
        with pytest.raises(InvalidArgument, match="'start_time'"):
            client.create_run("0", start_time)  # type: ignore[arg-type]


LISTS: list[tuple[Callable[[TrackingClient, Any], Any], str]] = [
    (lambda client, one: list(client.search_runs(one)), "experiment_ids"),
    (lambda client, one: client.count_runs(one), "experiment_ids"),
    (lambda client, one: list(client.search_runs(order_by=one)), "order_by"),
    (lambda client, one: list(client.search_runs(metrics=one)), "metrics"),
    (lambda client, one: list(client.search_runs(params=one)), "params"),
    (lambda client, one: list(client.search_runs(tags=one)), "tags"),
    (lambda client, one: list(client.search_experiments(order_by=one)), "order_by"),
    (lambda client, one: list(client.read_metric_history(["0" * 32], one)), "keys"),
    (lambda client, one: client.get_metric_columns(["0" * 32], one), "keys"),
    (lambda client, one: client.watch(one), "run_ids"),
    (lambda client, one: client.watch(experiment_ids=one), "experiment_ids"),
    (lambda client, one: client.load_table("0", "t.json", one), "run_ids"),
    (lambda client, one: client.load_table("0", "t.json", None, one), "extra_columns"),
    (lambda client, one: client.log_columns("0" * 32, [], [], [], [], keys=one), "keys"),
    (lambda client, one: client.log_input_models("0" * 32, one), "model_ids"),
    (lambda _, one: runstream.search_runs(order_by=one), "order_by"),
    (lambda _, one: runstream.search_runs(experiment_names=one), "experiment_names"),
    (lambda _, one: runstream.search_experiments(order_by=one), "order_by"),
    (lambda _, one: runstream.watch(one), "run_ids"),
    (lambda _, one: runstream.watch(experiment_ids=one), "experiment_ids"),
]


def test_a_single_text_is_not_taken_as_the_list_of_its_letters(
    client: TrackingClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """X1."""
    monkeypatch.setenv("RUNSTREAM_TRACKING_URI", client.tracking_uri)
    for call, field in LISTS:
        with pytest.raises(InvalidArgument) as error:
            call(client, "loss")
        assert str(error.value) == (
            f"Invalid value 'loss' for parameter '{field}' supplied: "
            "it must be a list of texts, such as ['loss']"
        )
