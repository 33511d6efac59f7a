"""System metrics beside the libraries that read GPUs, where there is no GPU."""

from __future__ import annotations

from runstream import TrackingClient
from support.frameworks import PROGRAMS, Frameworks


def test_the_libraries_of_gpus_have_what_is_called_and_are_silent_without_a_gpu(
    frameworks: Frameworks, client: TrackingClient
) -> None:  # K2, K4
    printed = frameworks.run("gpus", (PROGRAMS / "gpu_libraries.py").read_text())
    [run] = client.search_runs(["0"])
    assert printed == f"{run.info.run_id}\n"  # and nothing of a library
    assert "system/cpu_utilization_percentage" in run.data.metrics
    assert not [key for key in run.data.metrics if "gpu" in key]
