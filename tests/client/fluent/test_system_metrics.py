"""Runs log what the machine does while they go on (K1 to K4)."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import psutil
import pytest

import runstream
from runstream import InvalidArgument
from runstream.system_metrics import machine, sampler
from support.server_process import ServerProcess
from support.waiting import wait_until as wait_until_within

# What MLflow 3.17 logs on a machine without a GPU.
OF_MLFLOW = {
    "system/cpu_utilization_percentage",
    "system/system_memory_usage_megabytes",
    "system/system_memory_usage_percentage",
    "system/disk_usage_percentage",
    "system/disk_usage_megabytes",
    "system/disk_available_megabytes",
    "system/network_receive_megabytes",
    "system/network_transmit_megabytes",
}
OF_PROCESS = {"system/process_cpu_utilization_percentage", "system/process_memory_usage_megabytes"}
KEY = "system/process_memory_usage_megabytes"


@pytest.fixture(autouse=True)
def _often(request: pytest.FixtureRequest) -> None:
    request.getfixturevalue("tracking")
    runstream.set_system_metrics_sampling_interval(0.1)


def wait_until(condition: Callable[[], bool]) -> None:
    wait_until_within(condition, 30)


def steps(run_id: str, key: str = KEY) -> list[int]:
    with runstream.TrackingClient() as client:
        return [point.step for point in client.get_metric_history(run_id, key)]


def threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name == "runstream-system"]


def test_a_run_has_mlflows_system_metrics_and_those_of_its_process() -> None:
    """K2."""
    with runstream.start_run(log_system_metrics=True) as run:
        wait_until(lambda: len(steps(run.run_id)) >= 3)
    metrics = runstream.get_run(run.run_id).data.metrics
    assert set(metrics) == OF_MLFLOW | OF_PROCESS
    memory = psutil.Process().memory_info().rss / 1e6
    assert 0.3 * memory < metrics[KEY] < 3 * memory
    assert 0 <= metrics["system/cpu_utilization_percentage"] <= 100
    assert metrics["system/network_receive_megabytes"] >= 0
    logged = steps(run.run_id)
    assert logged == list(range(len(logged)))
    assert not threads()


def test_a_run_shorter_than_the_interval_has_a_point_at_its_end() -> None:
    """K2."""
    runstream.set_system_metrics_sampling_interval(600)
    with runstream.start_run(log_system_metrics=True) as run:
        wait_until(lambda: sampler._sampler is not None and sampler._sampler._last_read > 0)
        time.sleep(0.1)
    assert steps(run.run_id) == [0]


def test_system_metrics_of_a_resumed_run_go_on_with_the_next_step() -> None:
    """K2."""
    with runstream.start_run(log_system_metrics=True) as run:
        wait_until(lambda: len(steps(run.run_id)) >= 2)
    before = len(steps(run.run_id))
    with runstream.start_run(run.run_id, log_system_metrics=True):
        wait_until(lambda: len(steps(run.run_id)) >= before + 2)
    after = steps(run.run_id)
    assert after == list(range(len(after)))


def test_all_runs_of_a_process_have_one_thread() -> None:
    """K4."""
    runstream.enable_system_metrics()
    with runstream.start_run() as parent:
        for _ in range(3):
            with runstream.start_run(nested=True) as child:
                wait_until(lambda: len(steps(child.run_id)) >= 1)
                assert threads() == ["runstream-system"]
        with runstream.start_run(nested=True, log_system_metrics=False) as silent:
            pass
    assert steps(parent.run_id)
    assert steps(silent.run_id) == []
    runstream.disable_system_metrics_logging()
    with runstream.start_run() as run:
        assert not threads()
    assert steps(run.run_id) == []


def test_system_metrics_go_on_after_a_fork_and_not_in_the_child() -> None:
    """K4."""
    with runstream.start_run(log_system_metrics=True) as run:
        wait_until(lambda: len(steps(run.run_id)) >= 1)
        child = os.fork()
        if child == 0:
            run.log_metric("child", len(threads()))
            run.flush()
            run.end()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        before = len(steps(run.run_id))
        wait_until(lambda: len(steps(run.run_id)) > before)
    logged = steps(run.run_id)
    assert logged == list(range(len(logged)))
    assert runstream.get_run(run.run_id).data.metrics["child"] == 0


def test_ranks_of_a_job_log_to_one_run_without_overwriting_each_other() -> None:
    """K3."""
    program = """
import time, runstream
from runstream.system_metrics import sampler
with runstream.start_run(log_system_metrics=True):
    while not sampler._sampler._last_read:
        time.sleep(0.01)
    time.sleep(0.5)
"""
    with runstream.start_run() as run:
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", program],
                env=os.environ
                | {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
                | {"RUNSTREAM_RUN_ID": run.run_id},
            )
            for rank in range(2)
        ]
        assert [process.wait(60) for process in processes] == [0, 0]
    found = set(runstream.get_run(run.run_id).data.metrics)
    ranks = {
        name.replace("system/", f"system/rank_{rank}/") for name in OF_PROCESS for rank in (0, 1)
    }
    assert found == OF_MLFLOW | ranks
    logged = steps(run.run_id, "system/cpu_utilization_percentage")
    assert logged == sorted(set(logged))


def test_a_reading_that_fails_is_one_warning_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """K4."""

    def fail(_: object) -> dict[str, float]:
        raise PermissionError("/proc/net/dev is not yours")

    monkeypatch.setattr(machine, "_network", fail)
    with runstream.start_run(log_system_metrics=True) as run:
        wait_until(lambda: len(steps(run.run_id)) >= 3)
    without = {name for name in OF_MLFLOW | OF_PROCESS if "network" not in name}
    assert set(runstream.get_run(run.run_id).data.metrics) == without
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warnings == ["system metrics of network are not logged: /proc/net/dev is not yours"]


def test_a_reading_that_hangs_does_not_keep_a_run_from_its_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """K4."""
    hung, release = threading.Event(), threading.Event()

    def hang(_: object) -> dict[str, float]:
        hung.set()
        release.wait(60)
        return {}

    monkeypatch.setattr(machine, "_disk", hang)
    monkeypatch.setattr(sampler, "LAST_SAMPLE_SECONDS", 0.2)
    with runstream.start_run(log_system_metrics=True) as run:
        assert hung.wait(30)
    assert runstream.get_run(run.run_id).info.status == "FINISHED"
    assert "last system metrics of a run were not logged" in caplog.text
    release.set()
    wait_until(lambda: not threads())


def test_who_asks_for_system_metrics_without_psutil_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """K1."""
    monkeypatch.setitem(sys.modules, "psutil", None)
    for ask in (
        runstream.enable_system_metrics,
        lambda: runstream.start_run(log_system_metrics=True),
    ):
        with pytest.raises(ModuleNotFoundError, match=r"runstream\[system-metrics\]"):
            ask()
    assert runstream.active_run() is None
    assert list(runstream.search_runs(output_format="list")) == []
    monkeypatch.setenv("RUNSTREAM_SYSTEM_METRICS", "1")
    for _ in range(2):
        with runstream.start_run():
            pass
    assert caplog.text.count("pip install 'runstream[system-metrics]'") == 1


def test_a_malformed_setting_starts_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """K1."""
    monkeypatch.setenv("RUNSTREAM_SYSTEM_METRICS", "maybe")
    with pytest.raises(InvalidArgument, match="RUNSTREAM_SYSTEM_METRICS"):
        runstream.start_run()
    assert list(runstream.search_runs(output_format="list")) == []


def test_a_server_that_goes_away_gets_the_system_metrics_when_it_is_back(
    server: ServerProcess,
) -> None:
    """K4."""
    with runstream.start_run(log_system_metrics=True) as run:
        wait_until(lambda: len(steps(run.run_id)) >= 1)
        server.kill()
        time.sleep(0.5)
        server.restart()
    logged = steps(run.run_id)
    assert logged == list(range(len(logged)))
    assert len(logged) >= 4
