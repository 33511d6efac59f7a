"""Memory, work and power of the GPUs of NVIDIA, by nvidia-ml-py, under MLflow's names."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from runstream.system_metrics.readings import Reading


def nvidia_readings() -> list[Reading]:
    """Return how the GPUs are read; raises an error if the library or the driver is not there."""
    import pynvml

    pynvml.nvmlInit()
    handles = [
        pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())
    ]
    return [
        Reading(f"{name} of GPU {index}", partial(read, pynvml, f"gpu_{index}", handle))
        for index, handle in enumerate(handles)
        for name, read in (("memory", _memory), ("utilization", _utilization), ("power", _power))
    ]


def _memory(pynvml: Any, gpu: str, handle: Any) -> Mapping[str, float]:
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    return {
        f"{gpu}_memory_usage_percentage": 100 * memory.used / memory.total,
        f"{gpu}_memory_usage_megabytes": memory.used / 1e6,
    }


def _utilization(pynvml: Any, gpu: str, handle: Any) -> Mapping[str, float]:
    return {f"{gpu}_utilization_percentage": pynvml.nvmlDeviceGetUtilizationRates(handle).gpu}


def _power(pynvml: Any, gpu: str, handle: Any) -> Mapping[str, float]:
    milliwatts = pynvml.nvmlDeviceGetPowerUsage(handle)
    limit = pynvml.nvmlDeviceGetEnforcedPowerLimit(handle)
    return {
        f"{gpu}_power_usage_watts": milliwatts / 1000,
        f"{gpu}_power_usage_percentage": 100 * milliwatts / limit,
    }
