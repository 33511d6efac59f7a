"""TrackingClient against a real server."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import pytest

from runstream import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    Metric,
    NotFound,
    TrackingClient,
)
from support.server_process import ServerProcess

# Experiments


def test_an_experiment_is_created_found_renamed_deleted_and_restored(
    client: TrackingClient,
) -> None:
    """E1, E2, E3."""
    assert client.get_experiment("0").name == "Default"
    experiment_id = client.create_experiment("one", tags={"team": "a", "size": 3})
    experiment = client.get_experiment(experiment_id)
    assert experiment == client.get_experiment_by_name("one")
    assert experiment.tags == {"team": "a", "size": "3"}
    assert experiment.lifecycle_stage == "active"
    assert client.get_experiment_by_name("two") is None
    with pytest.raises(AlreadyExists):
        client.create_experiment("one")
    client.rename_experiment(experiment_id, "two")
    client.delete_experiment(experiment_id)
    with pytest.raises(NotFound):
        client.delete_experiment(experiment_id)
    with pytest.raises(FailedPrecondition):
        client.create_run(experiment_id)
    client.restore_experiment(experiment_id)
    assert client.get_experiment(experiment_id).name == "two"


def test_a_tag_of_an_experiment_is_set_and_deleted(client: TrackingClient) -> None:
    """E4."""
    client.set_experiment_tag("0", "k", 1)
    client.set_experiment_tag("0", "k", 2)
    assert client.get_experiment("0").tags == {"k": "2"}
    client.delete_experiment_tag("0", "k")
    assert client.get_experiment("0").tags == {}
    with pytest.raises(NotFound):
        client.delete_experiment_tag("0", "k")


# Runs


def test_a_run_is_created_ended_deleted_and_restored(client: TrackingClient) -> None:
    """R1, R2, R3."""
    chosen = "0123456789abcdef" * 2
    run = client.create_run(
        run_name="first", start_time=5, tags={"a": 1}, run_id=chosen, user_id="me"
    )
    assert run.info.run_id == chosen
    assert (run.info.run_name, run.info.user_id, run.info.start_time) == ("first", "me", 5)
    assert (run.info.status, run.info.end_time) == ("RUNNING", None)
    assert run.data.tags == {"a": "1", "mlflow.runName": "first"}
    again = client.create_run(
        run_name="first", start_time=5, tags={"a": 1}, run_id=chosen, user_id="me"
    )
    assert again == run
    with pytest.raises(AlreadyExists):
        client.create_run(run_name="other", run_id=chosen)
    assert client.update_run(chosen, name="second").run_name == "second"
    info = client.set_terminated(chosen, "FAILED", end_time=9)
    assert (info.status, info.end_time) == ("FAILED", 9)
    assert client.update_run(chosen, status="RUNNING").end_time is None
    client.delete_run(chosen)
    client.delete_run(chosen)
    assert client.get_run(chosen).info.lifecycle_stage == "deleted"
    client.restore_run(chosen)
    assert client.get_run(chosen).info == client.get_run(chosen).info
    assert client.get_run(chosen).info.lifecycle_stage == "active"


def test_a_run_that_goes_on_is_moved_and_logs_as_before(client: TrackingClient) -> None:
    """R10."""
    other = client.create_experiment("moved to")
    run_id = client.create_run().info.run_id
    client.log_metric(run_id, "loss", 0.5)
    assert client.move_runs([run_id], other) == [run_id]
    client.log_metric(run_id, "loss", 0.25, step=1)
    run = client.get_run(run_id)
    assert (run.info.experiment_id, run.data.metrics) == (other, {"loss": 0.25})
    assert client.move_runs([run_id], other) == []
    with pytest.raises(InvalidArgument, match="run_ids"):
        client.move_runs([], other)
    with pytest.raises(InvalidArgument, match="list of texts"):
        client.move_runs(run_id, other)


def test_runs_that_have_ended_are_copied(client: TrackingClient) -> None:
    """R11."""
    other = client.create_experiment("copied to")
    run_id = client.create_run().info.run_id
    client.log_metric(run_id, "loss", 0.5)
    with pytest.raises(FailedPrecondition, match="goes on"):
        client.copy_runs([run_id], other)
    client.set_terminated(run_id)
    copies = client.copy_runs([run_id], other)
    assert list(copies) == [run_id]
    run = client.get_run(copies[run_id])
    assert (run.info.experiment_id, run.data.metrics) == (other, {"loss": 0.5})
    assert run.data.tags["runstream.copied_from"] == run_id
    assert client.copy_runs([run_id], other) != copies  # another call makes another copy
    with pytest.raises(InvalidArgument, match="list of texts"):
        client.copy_runs(run_id, other)


def test_tags_of_many_runs_are_set_and_deleted_by_one_call(client: TrackingClient) -> None:
    """P7."""
    runs = [client.create_run(tags={"old": "1"}).info.run_id for _ in range(3)]
    client.set_tag(runs[0], "old", "2")  # which is queued before
    client.tag_runs(runs[:2], {"team": "red", "size": 7}, deleted_tags=["old", "none"])
    for run_id in runs[:2]:
        tags = client.get_run(run_id).data.tags
        assert (tags["team"], tags["size"], "old" in tags) == ("red", "7", False)
    assert client.get_run(runs[2]).data.tags["old"] == "1"
    with pytest.raises(InvalidArgument, match="list of texts"):
        client.tag_runs(runs[0], {"team": "red"})


def test_what_is_wrong_with_a_call_is_an_error_with_its_particulars(client: TrackingClient) -> None:
    """X1."""
    with pytest.raises(NotFound, match="f" * 32) as missing:
        client.get_run("f" * 32)
    assert isinstance(missing.value, LookupError)
    with pytest.raises(InvalidArgument) as bad:
        client.create_run(run_id="XYZ")
    assert bad.value.reason == "RUN_ID_MALFORMED"
    assert bad.value.metadata["field"]
    with pytest.raises(InvalidArgument, match="status"):
        client.update_run("f" * 32, status="DONE")


# Logging and reading


def test_points_params_and_tags_are_read_back_as_they_were_logged(
    client: TrackingClient, run_id: str
) -> None:
    """M2, M3, M5, M6, P1, P3."""
    rows = [
        Metric("loss", 0.5, 10, 1),
        Metric("loss", math.inf, 11, -(2**63)),
        Metric("loss", -0.25, 9, 2**63 - 1),
        Metric("acc é/b", 1e-300, 0, 0),
    ]
    client.log_batch(run_id, rows, {"lr": 0.1, "net": [1, 2]}, {"note": "x" * 65_536})
    client.log_metric(run_id, "nan", math.nan, timestamp=3, step=4)
    client.log_metrics(run_id, {"a": 1, "b": 2.5}, step=7, timestamp=5)
    client.log_param(run_id, "depth", 3)
    client.log_params(run_id, {"width": 4})
    client.set_tag(run_id, "t", "1")
    client.set_tag(run_id, "t", "2")
    client.set_tags(run_id, {"u": True})
    run = client.get_run(run_id)
    assert math.isnan(run.data.metrics.pop("nan"))
    assert run.data.metrics == {"loss": -0.25, "acc é/b": 1e-300, "a": 1.0, "b": 2.5}
    assert run.data.params == {"lr": "0.1", "net": "[1, 2]", "depth": "3", "width": "4"}
    assert run.data.tags["note"] == "x" * 65_536
    assert (run.data.tags["t"], run.data.tags["u"]) == ("2", "True")
    assert client.get_metric_history(run_id, "loss") == [rows[1], rows[0], rows[2]]
    assert client.get_metric_history(run_id, "a") == [Metric("a", 1.0, 5, 7)]
    assert client.get_metric_history(run_id, "never") == []
    client.delete_tag(run_id, "t")
    with pytest.raises(NotFound):
        client.delete_tag(run_id, "t")


def test_histories_of_all_metrics_come_as_columns(client: TrackingClient, run_id: str) -> None:
    """M6."""
    steps = list(range(100_000))
    client.log_columns(run_id, "b", [s / 7 for s in steps], steps, steps)
    client.log_columns(run_id, [1, 0], [5.0, 6.0], [1, 2], [3, 4], keys=["a", "c"])
    parts = list(client.read_metric_history(run_id))
    assert [part.key for part in parts] == sorted(part.key for part in parts)
    columns = [part for part in parts if part.key == "b"]
    assert [step for part in columns for step in part.step] == steps
    assert [value for part in columns for value in part.value] == [s / 7 for s in steps]
    assert [part.rows() for part in parts if part.key == "a"] == [[Metric("a", 6.0, 4, 2)]]
    assert [part.key for part in client.read_metric_history(run_id, ["c"])] == ["c"]


def test_a_reader_may_stop_in_the_middle_of_a_history(client: TrackingClient, run_id: str) -> None:
    client.log_columns(run_id, "b", [1.0] * 100_000, range(100_000))
    reading = client.read_metric_history(run_id)
    assert len(next(reading).step) > 0
    reading.close()  # type: ignore[attr-defined]
    assert client.get_run(run_id).info.run_id == run_id


def test_log_is_one_batch_durable_on_return(
    client: TrackingClient, run_id: str, server: ServerProcess
) -> None:
    """P5."""
    client.log(run_id, [("loss", 0.5, 1, 2)], {"lr": 1}, {"t": "x"})
    with pytest.raises(InvalidArgument) as error:
        client.log(run_id, [("loss", 0.25, 2, 3)], {"lr": 2})
    assert error.value.reason == "PARAM_IMMUTABLE"
    server.kill()
    server.restart()
    run = client.get_run(run_id)
    assert (run.data.metrics, run.data.params) == ({"loss": 0.5}, {"lr": "1"})
    assert run.data.tags["t"] == "x"


def test_a_param_that_another_process_set_is_refused_by_the_next_call_for_the_run(
    client: TrackingClient, run_id: str
) -> None:
    """P1, P5: the points logged beside it are kept."""
    client.log(run_id, params={"lr": "0.1"})
    client.log_metric(run_id, "loss", 1.0)
    client.log_params(run_id, {"lr": "0.2", "other": 1})
    with pytest.raises(InvalidArgument, match=r"lr") as error:
        client.get_run(run_id)
    assert error.value.reason == "PARAM_IMMUTABLE"
    assert error.value.metadata["run_id"] == run_id
    run = client.get_run(run_id)
    assert (run.data.params, run.data.metrics) == ({"lr": "0.1"}, {"loss": 1.0})


def test_after_a_refused_batch_its_params_may_be_logged_with_other_values(
    client: TrackingClient, run_id: str
) -> None:
    """P1, P5: the server has none of them."""
    client.log(run_id, params={"lr": "0.1"})
    client.log_params(run_id, {"lr": "0.2", "depth": 3})
    with pytest.raises(InvalidArgument) as error:
        client.flush(60)
    assert error.value.reason == "PARAM_IMMUTABLE"
    client.log_params(run_id, {"lr": "0.1", "depth": 4})
    assert client.get_run(run_id).data.params == {"lr": "0.1", "depth": "4"}


def test_logging_to_an_unknown_or_deleted_run_is_refused(
    client: TrackingClient, run_id: str
) -> None:
    """E3."""
    client.log_metric("f" * 32, "loss", 1.0)
    with pytest.raises(NotFound, match="f" * 32):
        client.flush()
    client.delete_run(run_id)
    client.log_metric(run_id, "loss", 1.0)
    with pytest.raises(FailedPrecondition, match=f"{run_id}.*active"):
        client.set_terminated(run_id)


def test_clients_of_one_uri_share_one_connection(server: ServerProcess) -> None:
    one, two = TrackingClient(server.uri), TrackingClient(f"{server.uri}/")
    assert one._session is two._session
    run_id = one.create_run().info.run_id
    one.log_metric(run_id, "loss", 1.0)
    one.close()
    assert two.get_run(run_id).data.metrics == {"loss": 1.0}
    two.close()
    two.log_metric(run_id, "loss", 2.0, step=1)  # opens the connection again
    assert two.get_run(run_id).data.metrics == {"loss": 2.0}
    two.close()


def test_a_client_that_opens_while_the_last_one_closes_keeps_its_channel(
    server: ServerProcess,
) -> None:
    def work(thread: int) -> None:
        for number in range(50):
            with TrackingClient(server.uri) as client:
                experiment_id = client.create_experiment(f"{thread} {number}")
                run_id = client.create_run(experiment_id).info.run_id
                client.log_metric(run_id, "loss", number)
                assert client.get_run(run_id).data.metrics == {"loss": number}

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
