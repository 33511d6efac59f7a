"""Samples become points; the keys say which process of a job has logged them."""

from __future__ import annotations

import os
from collections.abc import Mapping

import pytest

from runstream.errors import InvalidArgument
from runstream.system_metrics import settings
from runstream.system_metrics.job_place import JobPlace, find_job_place
from runstream.system_metrics.recording import Recording, Sample

ALONE = JobPlace("system/", "system/", True)
Point = tuple[int, dict[str, float]]


@pytest.fixture(autouse=True)
def _no_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ.keys() - {"RUNSTREAM_SPOOL"}:
        if name.startswith(("RUNSTREAM_", "MLFLOW_", "SLURM_", "OMPI_")) or name in (
            "RANK",
            "WORLD_SIZE",
        ):
            monkeypatch.delenv(name)


def sample(value: float) -> Sample:
    machine = {"cpu_utilization_percentage": value, "network_receive_megabytes": 100 + value}
    return Sample(machine, {"process_memory_usage_megabytes": value})


def new_recording(
    logged: list[Point], place: JobPlace = ALONE, has_machine: bool = True, samples: int = 1
) -> Recording:
    return Recording(
        lambda metrics, step: logged.append((step, dict(metrics))),
        place,
        has_machine=has_machine,
        first_step=5,
        samples_before_logging=samples,
    )


def test_each_sample_is_a_step_and_the_network_counts_from_the_start() -> None:
    """K2."""
    logged: list[Point] = []
    recording = new_recording(logged)
    recording.begin(sample(1))
    recording.add(sample(1))
    recording.add(sample(3))
    names = ("cpu_utilization_percentage", "network_receive_megabytes")
    assert [(step, *(metrics[f"system/{name}"] for name in names)) for step, metrics in logged] == [
        (5, 1, 0),
        (6, 3, 2),
    ]


def test_a_point_is_the_mean_of_the_samples_that_are_wanted_and_the_last_ones_are_kept() -> None:
    """K2."""
    logged: list[Point] = []
    recording = new_recording(logged, samples=3)
    recording.begin(sample(1))
    for value in (1, 2, 6, 10):
        recording.add(sample(value))
    recording.flush()
    recording.flush()
    points = [
        (
            step,
            metrics["system/cpu_utilization_percentage"],
            metrics["system/network_receive_megabytes"],
        )
        for step, metrics in logged
    ]
    assert points == [(5, 3, 5), (6, 10, 9)]


def test_a_process_that_is_not_the_first_of_its_machine_logs_itself_alone() -> None:
    """K3."""
    place = JobPlace("system/node_1/", "system/node_1/rank_9/", False)
    logged: list[Point] = []
    recording = new_recording(logged, place, has_machine=False)
    recording.add(sample(1))
    assert [set(metrics) for _, metrics in logged] == [
        {"system/node_1/rank_9/process_memory_usage_megabytes"}
    ]


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        ({}, ("system/", "system/", True)),
        ({"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"}, ("system/", "system/", True)),
        (
            {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "3", "GROUP_WORLD_SIZE": "1"},
            ("system/", "system/rank_3/", False),
        ),
        (
            {
                "RANK": "8",
                "WORLD_SIZE": "16",
                "LOCAL_RANK": "0",
                "GROUP_RANK": "1",
                "GROUP_WORLD_SIZE": "2",
            },
            ("system/node_1/", "system/node_1/rank_8/", True),
        ),
        (
            {
                "SLURM_PROCID": "5",
                "SLURM_NTASKS": "8",
                "SLURM_LOCALID": "1",
                "SLURM_NODEID": "2",
                "SLURM_NNODES": "4",
            },
            ("system/node_2/", "system/node_2/rank_5/", False),
        ),
        (
            {
                "OMPI_COMM_WORLD_RANK": "2",
                "OMPI_COMM_WORLD_SIZE": "4",
                "OMPI_COMM_WORLD_LOCAL_RANK": "0",
            },
            ("system/", "system/rank_2/", True),
        ),
        ({"MLFLOW_SYSTEM_METRICS_NODE_ID": "a"}, ("system/a/", "system/a/", True)),
        ({"RANK": "x", "WORLD_SIZE": "y"}, ("system/", "system/", True)),
    ],
)
def test_the_rank_and_the_node_of_a_job_are_in_the_keys(
    environment: Mapping[str, str],
    place: tuple[str, str, bool],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """K3."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert find_job_place() == place


def test_settings_are_inherited_and_mlflows_variables_count_where_ours_are_not_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """K1."""
    assert (settings.is_enabled(), settings.interval(), settings.node_id()) == (False, 10.0, "")
    monkeypatch.setenv("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", "true")
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "2.5")
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING", "4")
    assert settings.is_enabled()
    assert (settings.interval(), settings.samples_before_logging()) == (2.5, 4)
    settings.set_enabled(False)
    settings.set_interval(1)
    settings.set_samples_before_logging(2)
    settings.set_node_id("gpu-7")
    assert not settings.is_enabled()
    assert os.environ["RUNSTREAM_SYSTEM_METRICS_SAMPLING_INTERVAL"] == "1"
    assert (settings.samples_before_logging(), settings.node_id()) == (2, "gpu-7")
    settings.set_interval(None)
    assert settings.interval() == 10.0


@pytest.mark.parametrize("interval", [0, -1, 0.05, float("nan"), float("inf"), "soon"])
def test_an_interval_that_is_none_is_refused(interval: object) -> None:
    """K1."""
    with pytest.raises(InvalidArgument, match=r"at least 0\.1"):
        settings.set_interval(interval)  # type: ignore[arg-type]
    assert settings.interval() == 10.0


@pytest.mark.parametrize("samples", [0, -1, 1.5, "many"])
def test_a_number_of_samples_that_is_none_is_refused(samples: object) -> None:
    """K1."""
    with pytest.raises(InvalidArgument, match="at least 1"):
        settings.set_samples_before_logging(samples)  # type: ignore[arg-type]
    assert settings.samples_before_logging() == 1
