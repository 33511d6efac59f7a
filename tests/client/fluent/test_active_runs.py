"""Which run, and which server, a call of the fluent API is for."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import runstream
from runstream import InvalidArgument, NotFound, TrackingClient
from runstream.fluent import active_runs
from support.server_process import ENVIRONMENT, ServerProcess


@pytest.fixture(autouse=True)
def _nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("TRACKING_URI", "EXPERIMENT_ID", "EXPERIMENT_NAME", "RUN_ID"):
        monkeypatch.setenv(f"RUNSTREAM_{name}", "")
        monkeypatch.setenv(f"MLFLOW_{name}", "")
    monkeypatch.setattr(active_runs, "_has_warned_of_context", False)
    yield
    while runstream.active_run():
        runstream.end_run()


@pytest.fixture
def here(server: ServerProcess) -> str:
    runstream.set_tracking_uri(server.uri)
    return server.uri


def test_all_calls_for_a_run_go_to_its_server_whatever_is_chosen_by_then(
    here: str, start_server: Callable[..., ServerProcess], tmp_path: Path
) -> None:
    """R7."""
    experiment = runstream.set_experiment("sweep").experiment_id
    (tmp_path / "f.txt").write_text("file")
    with runstream.start_run() as run:
        run_id = run.info.run_id
        runstream.set_tracking_uri(start_server().uri)
        runstream.set_experiment("other")
        runstream.log_metric("loss", 1.0)
        runstream.log_metric("loss", 2.0, step=1, run_id=run_id, synchronous=True)
        runstream.log_param("lr", 1)
        runstream.set_tag("t", 1)
        runstream.log_input(runstream.data.from_numpy(np.zeros(2)))
        runstream.log_artifact(tmp_path / "f.txt")
        runstream.log_artifacts(tmp_path, "all", run_id=run_id)
        runstream.log_text("t", "t.txt")
        runstream.log_dict({"a": 1}, "d.json")
        runstream.log_image(np.zeros((2, 2)), "i.png")
        runstream.log_table({"a": [1]}, "table.json")
        assert len(runstream.list_artifacts()) == 6
        assert runstream.load_text("t.txt") == "t"
        assert runstream.load_dict("d.json", run_id) == {"a": 1}
        assert runstream.load_table("table.json", [run_id])["a"].tolist() == [1]
        assert runstream.load_text(f"{runstream.get_artifact_uri()}/all/f.txt") == "file"
        assert Path(runstream.download_artifacts("t.txt", dst_path=tmp_path)).exists()
        assert runstream.get_run(run_id).data.params == {"lr": "1"}
        with runstream.start_run(nested=True) as child:
            pass
        with runstream.start_run(nested=True, parent_run_id=run_id) as other_child:
            pass
        changes = runstream.watch([run_id])
        runstream.delete_tag("t")
        assert next(changes).deleted_tags == ("t",)
        changes.close()
    assert runstream.count_runs() == 0
    with TrackingClient(here) as client:
        stored = client.get_run(run_id)
        assert stored.data.metrics == {"loss": 2.0}
        assert len(stored.inputs.dataset_inputs) == 1
        for one in (child, other_child):
            assert client.get_run(one.info.run_id).info.experiment_id == experiment
            assert one.data.tags["mlflow.parentRunId"] == run_id
    last = runstream.last_active_run()
    assert last is not None
    assert last.info == other_child.info


def test_a_run_in_a_file_stays_there_when_the_folder_is_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R7: as Hydra does it; spawned processes and other programs go there, too."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "outputs").mkdir()
    (tmp_path / "spawned.py").write_text(
        "import multiprocessing, os, runstream\n"
        "def work(run):\n"
        "    run.log_metric('spawned', 1.0)\n"
        "    with runstream.start_run(run_name='own'): pass\n"
        "if __name__ == '__main__':\n"
        "    with runstream.start_run(run_name='first') as run:\n"
        "        os.chdir('outputs')\n"
        "        runstream.log_text('t', 't.txt')\n"
        "        with runstream.start_run(nested=True): pass\n"
        "        process = multiprocessing.get_context('spawn').Process(target=work, args=(run,))\n"
        "        process.start(); process.join()\n"
        "        assert process.exitcode == 0\n"
        "    print(run.info.run_id)\n"
    )
    environment = {k: v for k, v in ENVIRONMENT.items() if not k.startswith("RUNSTREAM_T")}
    result = subprocess.run(
        [sys.executable, "spawned.py"], capture_output=True, text=True, env=environment, check=False
    )
    assert result.returncode == 0, result.stderr
    assert os.listdir("outputs") == []
    runstream.set_tracking_uri(tmp_path / "runstream.db")
    assert runstream.count_runs() == 3
    run = runstream.get_run(result.stdout.strip())
    assert (run.info.status, run.data.metrics) == ("FINISHED", {"spawned": 1.0})
    assert runstream.load_text("t.txt", run.info.run_id) == "t"


def test_a_run_is_pickled_as_its_id_and_its_place(here: str) -> None:
    with runstream.start_run() as run:
        runstream.set_tracking_uri("grpc://127.0.0.1:1")
        for other in (pickle.loads(pickle.dumps(run)), copy.deepcopy(run)):
            assert (other.info, other.tracking_uri) == (run.info, here)
            other.log_metric("loss", 1.0)
            other.end()
        assert run.read().info.status == "RUNNING"
        assert pickle.loads(pickle.dumps(run.read())) == run.read()
        assert pickle.loads(pickle.dumps(run.client)).tracking_uri == here
    assert run.info.status == "FINISHED"
    assert run.to_dictionary()["data"]["metrics"] == {"loss": 1.0}
    assert run.to_dictionary()["info"]["run_id"] == run.info.run_id


@pytest.mark.parametrize("name", ["RUNSTREAM_RUN_ID", "MLFLOW_RUN_ID"])
@pytest.mark.usefixtures("here")
def test_the_environment_names_the_run_that_the_first_start_run_resumes(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with runstream.start_run() as run:
        pass
    monkeypatch.setenv(name, "f" * 32)
    for _ in range(2):
        with pytest.raises(NotFound):
            runstream.start_run()
    monkeypatch.setenv(name, run.info.run_id)
    with pytest.raises(InvalidArgument, match="belongs to experiment 0"):
        runstream.start_run(experiment_id="7")
    runstream.log_metric("loss", 1.0)
    resumed = runstream.active_run()
    assert resumed is not None
    assert resumed.info.run_id == run.info.run_id
    assert resumed.info.status == "RUNNING"
    with runstream.start_run(nested=True) as child:
        assert child.info.run_id != run.info.run_id
    runstream.end_run()
    assert name not in os.environ
    with runstream.start_run() as other:
        assert other.info.run_id not in (run.info.run_id, child.info.run_id)


@pytest.mark.usefixtures("here")
def test_a_thread_that_starts_a_run_by_logging_is_told_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def work(step: int) -> str:
        runstream.log_metric("loss", 1.0, step=step)
        own = runstream.active_run()
        assert own is not None
        runstream.end_run()
        return own.info.run_id

    with runstream.start_run() as run, ThreadPoolExecutor(2) as pool:
        started = set(pool.map(work, range(4)))
    assert run.info.run_id not in started
    (record,) = caplog.records
    for text in (run.info.run_id, "nested=True", "parent_run_id"):
        assert text in record.getMessage()
    assert run.data.metrics == {}


def test_a_name_in_place_of_a_run_id_is_refused_with_the_argument_for_names() -> None:
    with pytest.raises(InvalidArgument) as error:
        runstream.start_run("my first run")
    assert str(error.value) == (
        "Invalid value 'my first run' for parameter 'run_id' supplied: it must be 32 lower-case "
        "hexadecimal digits; start_run(run_name='my first run') starts a new run of this name"
    )
