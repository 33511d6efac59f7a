"""Logged models by the client and by the functions of `runstream`."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

import runstream
from runstream import InvalidArgument, NotFound, TrackingClient


def test_a_model_is_created_described_and_found(client: TrackingClient, tmp_path: Path) -> None:
    run_id = client.create_run().info.run_id
    model = client.create_logged_model(
        "0", "forest", run_id, {"stage": "trial"}, {"depth": 3}, "Classifier"
    )
    assert (model.name, model.status, model.source_run_id) == ("forest", "PENDING", run_id)
    client.log_model_metrics(run_id, model.model_id, [("acc", 0.9, 5, 1)], ("wine", "1"))
    client.set_logged_model_tags(model.model_id, {"owner": "ada"})
    client.delete_logged_model_tag(model.model_id, "stage")
    client.log_model_params(model.model_id, {"leaves": 8})
    (tmp_path / "weights").write_text("1")
    client.log_model_artifact(model.model_id, tmp_path / "weights", "data")
    client.log_model_artifacts(model.model_id, tmp_path)
    client.finalize_logged_model(model.model_id, "READY")
    found = client.get_logged_model(model.model_id)
    assert (found.status, found.model_type) == ("READY", "Classifier")
    assert (found.tags, found.params) == ({"owner": "ada"}, {"depth": "3", "leaves": "8"})
    assert found.metrics == (("acc", 0.9, 5, 1, run_id, "wine", "1"),)
    files = [file.path for file in client.list_logged_model_artifacts(model.model_id)]
    assert files == ["data", "weights"]
    client.delete_logged_model(model.model_id)
    with pytest.raises(NotFound):
        client.get_logged_model(model.model_id)


def test_models_are_searched_page_by_page(
    client: TrackingClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runstream.calls.logged_model_calls._PAGE_SIZE", 2)
    run_id = client.create_run().info.run_id
    other = client.create_experiment("other")
    client.create_logged_model(other, "elsewhere")
    for number in range(5):
        model_id = client.create_logged_model("0", f"m{number}").model_id
        client.log_model_metrics(run_id, model_id, [("acc", number / 10, 0, 0)])
    order = [{"field_name": "metrics.acc", "ascending": False}]
    found = client.search_logged_models(["0"], "metrics.acc > 0.05", order_by=order)
    assert [model.name for model in found] == ["m4", "m3", "m2", "m1"]
    assert len(list(client.search_logged_models(max_results=3))) == 3
    assert len(list(client.search_logged_models())) == 6
    assert list(client.search_logged_models([])) == []


def test_what_is_no_status_order_or_list_is_named(client: TrackingClient) -> None:
    model_id = client.create_logged_model().model_id
    with pytest.raises(InvalidArgument, match="status"):
        client.finalize_logged_model(model_id, "DONE")
    with pytest.raises(InvalidArgument, match="experiment_ids"):
        client.search_logged_models("0")
    with pytest.raises(InvalidArgument, match="key"):
        client.search_logged_models(order_by=[{"key": "name"}])


def test_the_functions_of_runstream_do_the_same_for_the_active_run(
    client: TrackingClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNSTREAM_TRACKING_URI", client.tracking_uri)
    with runstream.start_run() as run:
        model = runstream.initialize_logged_model("forest", params={"depth": 3})
        assert model.source_run_id == run.info.run_id
        runstream.log_model_params({"leaves": 8}, model.model_id)
        runstream.set_logged_model_tags(model.model_id, {"a": 1, "b": 2})
        runstream.delete_logged_model_tag(model.model_id, "a")
        runstream.log_outputs([(model.model_id, 7)])
        runstream.log_stream(io.BytesIO(b"a stream"), "stream.bin")
        runstream.log_metric("loss", 0.5)
        runstream.flush_async_logging()
    runstream.finalize_logged_model(model.model_id)
    assert runstream.get_logged_model(model.model_id).tags == {"b": "2"}
    frame = runstream.search_logged_models(filter_string="name = 'forest'")
    assert list(frame["model_id"]) == [model.model_id]
    assert frame["status"][0] == "READY"
    (listed,) = runstream.search_logged_models(output_format="list")
    assert listed.params == {"depth": "3", "leaves": "8"}
    assert client.load_text(run.info.run_id, "stream.bin") == "a stream"
    runstream.set_experiment_tag("owner", "ada")
    runstream.delete_experiment_tag("owner")
    assert runstream.get_experiment("0").tags == {}
