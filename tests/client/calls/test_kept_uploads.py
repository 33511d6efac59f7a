"""Files and models that are kept while the server is away, or after the end of a program."""

from __future__ import annotations

import logging
import signal
import time
from pathlib import Path

import pytest

import runstream
from runstream import DeadlineExceeded, TrackingClient, Unavailable
from runstream.outbox import task_log
from runstream.spool.folder import list_folders
from runstream.syncing.sync import sync
from runstream.transport.call_limit import limit_calls
from support.server_process import ServerProcess
from support.uploads import content, run_program

pytestmark = pytest.mark.usefixtures("spool")


def test_an_outage_ends_no_program_that_logs_files(
    client: TrackingClient,
    server: ServerProcess,
    run_id: str,
    source: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server.kill()
    start = time.monotonic()
    with caplog.at_level(logging.WARNING, "runstream"):
        client.log_artifact(run_id, source)
        client.log_text(run_id, "a text", "notes/a.txt")
        client.log_dict(run_id, {"a": 1}, "a.json")
    assert time.monotonic() - start < 20
    assert sum("files and models are kept" in text for text in caplog.messages) == 1
    server.restart()
    assert content(client, run_id, "model.bin") == source.read_bytes()
    assert client.load_text(run_id, "notes/a.txt") == "a text"
    assert client.load_dict(run_id, "a.json") == {"a": 1}


def test_who_asks_for_it_learns_that_the_server_is_away(
    client: TrackingClient,
    server: ServerProcess,
    run_id: str,
    source: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from runstream.transport import connection

    monkeypatch.setattr(connection, "RETRY_SECONDS", 1.0)
    server.kill()
    with pytest.raises(runstream.Unavailable):
        client.log_artifact(run_id, source, synchronous=True)
    assert not client._outbox.background.has_pending()
    server.restart()


LOGS_AND_IS_KILLED = """
import os, signal, sys
import runstream
client = runstream.TrackingClient(sys.argv[1])
with_run = sys.argv[2]
client.log_artifact(with_run, sys.argv[3], synchronous=False)
print("logged", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_program_logged_is_delivered_by_a_sync(
    server: ServerProcess, source: Path, spool: Path
) -> None:
    with TrackingClient(server.uri) as client:
        run_id = client.create_run().info.run_id
    server.kill()
    program = run_program(LOGS_AND_IS_KILLED, spool, server.uri, run_id, str(source))
    output, errors = program.communicate(timeout=60)
    assert (output, program.returncode) == ("logged\n", -signal.SIGKILL), errors
    before = source.read_bytes()
    source.write_bytes(b"changed later")
    server.restart()
    result = sync(spool)
    assert (result.files, result.refused) == (1, 0)
    with TrackingClient(server.uri) as client:
        assert content(client, run_id, "model.bin") == before
    assert list_folders(spool) == []


LOGS_AND_ENDS = """
import sys
import runstream
runstream.set_tracking_uri(sys.argv[1])
with runstream.start_run() as run:
    runstream.log_metric("loss", 1.0)
    runstream.log_artifact(sys.argv[2])
    runstream.log_text("a text", "a.txt")
print(run.info.run_id, flush=True)
"""


def test_the_end_of_a_program_leaves_files_in_the_spool_and_says_so(
    server: ServerProcess, source: Path, spool: Path
) -> None:
    server.kill()
    program = run_program(LOGS_AND_ENDS, spool, server.uri, str(source))
    output, errors = program.communicate(timeout=60)
    assert program.returncode == 0, errors
    assert "2 uploads of run" in errors, errors
    assert "runstream sync" in errors
    server.restart()
    result = sync(spool)
    assert (result.files, result.refused, result.is_complete) == (2, 0, True)
    with TrackingClient(server.uri) as client:
        run_id = output.strip()
        assert content(client, run_id, "model.bin") == source.read_bytes()
        assert client.get_run(run_id).info.status == "FINISHED"
    assert list_folders(spool) == []


def test_a_program_that_ends_waits_for_its_files_and_leaves_no_folder(
    server: ServerProcess, source: Path, spool: Path
) -> None:
    program = run_program(
        LOGS_AND_ENDS.replace("sys.argv[2])", "sys.argv[2], synchronous=False)"),
        spool,
        server.uri,
        str(source),
    )
    output, errors = program.communicate(timeout=60)
    assert program.returncode == 0, errors
    with TrackingClient(server.uri) as client:
        assert content(client, output.strip(), "model.bin") == source.read_bytes()
    assert list_folders(spool) == []


def test_a_model_is_stored_while_the_server_is_away(
    client: TrackingClient, server: ServerProcess, run_id: str, source: Path
) -> None:
    server.kill()
    model = client.create_logged_model("0", "forest", run_id, {"a": "b"}, {"depth": 3})
    client.log_outputs(run_id, [(model.model_id, 2)])
    client.log_model_artifact(model.model_id, source)
    client.set_logged_model_tags(model.model_id, {"stage": "new"})
    client.log_model_params(model.model_id, {"trees": 10})
    client.log_model_metrics(run_id, model.model_id, [("accuracy", 0.5, 1, 0)])
    ready = client.finalize_logged_model(model.model_id)
    assert (model.status, ready.status) == ("PENDING", "READY")
    server.restart()
    stored = client.get_logged_model(model.model_id)  # which waits for what was kept of it
    assert (stored.name, stored.status, stored.source_run_id) == ("forest", "READY", run_id)
    assert stored.tags.items() >= {"a": "b", "stage": "new"}.items()
    assert stored.params == {"depth": "3", "trees": "10"}
    assert [metric.key for metric in stored.metrics] == ["accuracy"]
    assert content(client, model.model_id, "model.bin") == source.read_bytes()
    outputs = client.get_run(run_id).outputs.model_outputs
    assert [(out.model_id, out.step) for out in outputs] == [(model.model_id, 2)]


def test_at_the_limit_of_the_spool_a_call_waits_for_room_and_then_raises(
    server: ServerProcess, run_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_log, "ROOM_SECONDS", 1.0)
    file = tmp_path / "a.bin"
    file.write_bytes(bytes(600_000))
    monkeypatch.setenv("RUNSTREAM_SPOOL_LIMIT", "1MB")
    with TrackingClient(server.uri, token="other") as small:  # a session with this limit
        server.kill()
        small.log_artifact(run_id, file, synchronous=False)
        with pytest.raises(DeadlineExceeded, match="limit of 1000000 bytes"):
            small.log_artifact(run_id, file, "b", synchronous=False)
        monkeypatch.setattr(task_log, "ROOM_SECONDS", 60.0)
        server.restart()
        small.log_artifact(run_id, file, "c", synchronous=False)
        small.flush()
        assert len(small.list_artifacts(run_id, recursive=True)) == 2


@pytest.mark.parametrize("is_offline", [False, True])
def test_at_the_limit_of_the_spool_a_server_that_is_away_is_not_all_that_the_error_says(
    is_offline: bool,
    server: ServerProcess,
    run_id: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(task_log, "ROOM_SECONDS", 1.0)
    file = tmp_path / "a.bin"
    file.write_bytes(bytes(600_000))
    monkeypatch.setenv("RUNSTREAM_SPOOL_LIMIT", "1MB")
    uri = f"offline:{tmp_path / 'spool'}" if is_offline else server.uri
    server.kill()
    with TrackingClient(uri, token="other") as small:  # a session with this limit
        small.log_artifact(run_id, file)
        expected = runstream.Unavailable if is_offline else DeadlineExceeded
        with pytest.raises(expected, match="limit of 1000000 bytes"):
            small.log_artifact(run_id, file, "b")
    server.restart()


def test_a_file_that_can_never_be_kept_does_not_wait_for_room(
    server: ServerProcess, run_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.bin"
    file.write_bytes(bytes(2_000_000))
    monkeypatch.setenv("RUNSTREAM_SPOOL_LIMIT", "1MB")
    monkeypatch.setattr(task_log, "_ROOM_POLL", 600.0)
    with TrackingClient(server.uri, token="other") as small:  # a session with this limit
        small.log_artifact(run_id, file, synchronous=False)  # uploaded at once
        assert len(small.list_artifacts(run_id, recursive=True)) == 1
        server.kill()
        small.log_metric(run_id, "loss", 1.0)  # for which room may come
        with limit_calls(2.0), pytest.raises(Unavailable, match="limit of 1000000 bytes"):
            small.log_artifact(run_id, file, "b", synchronous=False)
    server.restart()


def test_where_nothing_can_be_kept_files_are_uploaded_at_once(
    server: ServerProcess,
    source: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("RUNSTREAM_SPOOL", str(source / "no-folder"))
    with TrackingClient(server.uri) as client, caplog.at_level(logging.WARNING, "runstream"):
        run_id = client.create_run().info.run_id
        client.log_artifact(run_id, source, synchronous=False)
        client.log_artifact(run_id, source, "b", synchronous=False)
        with TrackingClient(server.uri, token="other") as other:
            assert len(other.list_artifacts(run_id, recursive=True)) == 2
    assert sum("cannot be kept to be uploaded later" in text for text in caplog.messages) == 1


def test_without_a_spool_files_are_copied_for_the_life_of_the_process(
    server: ServerProcess, source: Path, monkeypatch: pytest.MonkeyPatch, spool: Path
) -> None:
    monkeypatch.setenv("RUNSTREAM_SPOOL_LIMIT", "0")
    before = source.read_bytes()
    with TrackingClient(server.uri) as client:
        run_id = client.create_run().info.run_id
        client.log_artifact(run_id, source, synchronous=False)
        source.write_bytes(b"changed")
        assert content(client, run_id, "model.bin") == before
    assert not spool.exists()


LOGS_OFFLINE = """
import sys
import runstream
with runstream.start_run() as run:
    runstream.log_artifact(sys.argv[1], "models")
    runstream.log_text("a text", "a.txt")
    runstream.log_table({"a": [1]}, "t.json")
    runstream.log_table({"a": [2]}, "t.json")
    model = run.client.create_logged_model(run.info.experiment_id, "forest", run.run_id)
    run.client.log_model_artifact(model.model_id, sys.argv[1])
    run.client.finalize_logged_model(model.model_id)
    try:
        run.client.list_artifacts(run.run_id)
    except runstream.Unavailable as error:
        print(run.run_id, model.model_id, error.reason)
"""


def test_offline_all_files_and_models_are_kept_for_a_sync(
    server: ServerProcess, source: Path, tmp_path: Path, spool: Path
) -> None:
    folder = tmp_path / "offline"
    program = run_program(
        LOGS_OFFLINE,
        spool,
        str(source),
        RUNSTREAM_TRACKING_URI=f"offline:{folder}",
        RUNSTREAM_EXPERIMENT_NAME="named",
    )
    output, errors = program.communicate(timeout=60)
    assert program.returncode == 0, errors
    assert "is kept in" in errors
    run_id, model_id, reason = output.split()
    assert reason == "OFFLINE"
    result = sync(folder, server.uri)
    assert (result.files, result.refused, result.is_complete) == (5, 0, True)
    with TrackingClient(server.uri) as client:
        assert content(client, run_id, "models/model.bin") == source.read_bytes()
        table = client.load_table("", "t.json", [run_id])
        assert list(table["a"]) == [1, 2]
        stored = client.get_logged_model(model_id)
        assert (stored.name, stored.status) == ("forest", "READY")
        assert client.get_experiment(stored.experiment_id).name == "named"
        assert content(client, model_id, "model.bin") == source.read_bytes()
        tags = client.get_run(run_id).data.tags
        assert tags["mlflow.loggedArtifacts"].count("t.json") == 1
    assert list_folders(folder) == []
