"""Memory, work and power of the GPUs of AMD, by pyrsmi or amdsmi, under MLflow's names.

MLflow has a percentage of the power, too, of 500 watts whatever the GPU is; here is none.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from typing import Any

from runstream.system_metrics.readings import Reading

# Where Linux shows the driver. Without one, the libraries print when they are imported, and change
# how the program logs.
_DRIVER = "/sys/module/amdgpu"


def pyrsmi_readings() -> list[Reading]:
    """Return how the GPUs are read by pyrsmi; raises an error if it or the driver is not there."""
    os.stat(_DRIVER)
    from pyrsmi import rocml

    rocml.smi_initialize()
    return [
        Reading(f"GPU {index}", partial(_read_by_pyrsmi, rocml, index))
        for index in range(rocml.smi_get_device_count())
    ]


def amdsmi_readings() -> list[Reading]:
    """Return how the GPUs are read by amdsmi; raises an error if it or the driver is not there."""
    os.stat(_DRIVER)
    import amdsmi

    amdsmi.amdsmi_init()
    return [
        Reading(f"GPU {index}", partial(_read_by_amdsmi, amdsmi, index, handle))
        for index, handle in enumerate(amdsmi.amdsmi_get_processor_handles())
    ]


def _read_by_pyrsmi(rocml: Any, index: int) -> Mapping[str, float]:
    return _metrics(
        index,
        rocml.smi_get_device_memory_used(index),
        rocml.smi_get_device_memory_total(index),
        rocml.smi_get_device_utilization(index),
        rocml.smi_get_device_average_power(index),
    )


def _read_by_amdsmi(amdsmi: Any, index: int, handle: Any) -> Mapping[str, float]:
    memory = amdsmi.amdsmi_get_gpu_vram_usage(handle)  # in MiB
    power = amdsmi.amdsmi_get_power_info(handle)
    watts = power["average_socket_power"]
    if not isinstance(watts, (int, float)):  # newer GPUs have the other one
        watts = power["current_socket_power"]
    return _metrics(
        index,
        memory["vram_used"] * 2**20,
        memory["vram_total"] * 2**20,
        amdsmi.amdsmi_get_gpu_activity(handle)["gfx_activity"],
        watts,
    )


def _metrics(index: int, used: Any, total: Any, utilization: Any, watts: Any) -> dict[str, float]:
    """Return what is known of a GPU: pyrsmi says -1, and amdsmi `N/A`, of what is not."""
    gpu = f"gpu_{index}"
    found = {f"{gpu}_utilization_percentage": utilization, f"{gpu}_power_usage_watts": watts}
    if _is_known(used) and _is_known(total) and total > 0:
        found[f"{gpu}_memory_usage_percentage"] = 100 * used / total
        found[f"{gpu}_memory_usage_gigabytes"] = used / 1e9
    return {name: value for name, value in found.items() if _is_known(value)}


def _is_known(value: Any) -> bool:
    return isinstance(value, (int, float)) and value >= 0
