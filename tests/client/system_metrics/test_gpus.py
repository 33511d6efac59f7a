"""GPUs are read by the documented functions of their libraries, which are imitated here.

There is no GPU where these tests run. The names, arguments, units and errors are those of
nvidia-ml-py 13, pyrsmi 1.1 and amdsmi 7.0; tests/integrations/test_gpu_libraries.py compares them.
"""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from runstream.system_metrics import amd_gpus, sampler


@pytest.fixture(autouse=True)
def _no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pynvml", "pyrsmi", "amdsmi"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(amd_gpus, "_DRIVER", "/")


def imitate(monkeypatch: pytest.MonkeyPatch, name: str, **functions: object) -> None:
    module = ModuleType(name)
    vars(module).update(functions)
    monkeypatch.setitem(sys.modules, name, module)


def read_gpus() -> dict[str, float]:
    found: dict[str, float] = {}
    for reading in sampler._find_readings():
        if "GPU" in reading.name:
            found.update(reading.read())
    return found


def no_driver() -> None:
    raise RuntimeError("Driver Not Loaded")


def test_gpus_of_nvidia_have_mlflows_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """K2."""
    imitate(
        monkeypatch,
        "pynvml",
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: 2,
        nvmlDeviceGetHandleByIndex=lambda index: f"handle {index}",
        nvmlDeviceGetMemoryInfo=lambda _: SimpleNamespace(total=80e9, used=20e9, free=60e9),
        nvmlDeviceGetUtilizationRates=lambda handle: SimpleNamespace(
            gpu={"handle 0": 90, "handle 1": 10}[handle], memory=3
        ),
        nvmlDeviceGetPowerUsage=lambda _: 300_000,
        nvmlDeviceGetEnforcedPowerLimit=lambda _: 400_000,
    )
    first = {
        "gpu_0_memory_usage_percentage": 25.0,
        "gpu_0_memory_usage_megabytes": 20_000.0,
        "gpu_0_utilization_percentage": 90,
        "gpu_0_power_usage_watts": 300.0,
        "gpu_0_power_usage_percentage": 75.0,
    }
    second = {name.replace("gpu_0", "gpu_1"): value for name, value in first.items()}
    assert read_gpus() == first | second | {"gpu_1_utilization_percentage": 10}


def test_gpus_of_amd_are_read_by_pyrsmi(monkeypatch: pytest.MonkeyPatch) -> None:
    """K2."""
    rocml = SimpleNamespace(
        smi_initialize=lambda: None,
        smi_get_device_count=lambda: 2,
        smi_get_device_memory_used=lambda index: 32e9 if index == 0 else -1,
        smi_get_device_memory_total=lambda _: 128e9,
        smi_get_device_utilization=lambda _: 50,
        smi_get_device_average_power=lambda index: 90.0 if index == 0 else -1,
    )
    imitate(monkeypatch, "pyrsmi", rocml=rocml)
    assert read_gpus() == {
        "gpu_0_memory_usage_percentage": 25.0,
        "gpu_0_memory_usage_gigabytes": 32.0,
        "gpu_0_utilization_percentage": 50,
        "gpu_0_power_usage_watts": 90.0,
        "gpu_1_utilization_percentage": 50,
    }


def test_gpus_of_amd_are_read_by_amdsmi(monkeypatch: pytest.MonkeyPatch) -> None:
    """K2."""
    imitate(
        monkeypatch,
        "amdsmi",
        amdsmi_init=lambda: None,
        amdsmi_get_processor_handles=lambda: ["handle"],
        amdsmi_get_gpu_vram_usage=lambda _: {"vram_total": 131_072, "vram_used": 65_536},
        amdsmi_get_gpu_activity=lambda _: {"gfx_activity": 40, "umc_activity": "N/A"},
        amdsmi_get_power_info=lambda _: {
            "average_socket_power": "N/A",
            "current_socket_power": 150,
        },
    )
    assert read_gpus() == {
        "gpu_0_memory_usage_percentage": 50.0,
        "gpu_0_memory_usage_gigabytes": 65_536 * 2**20 / 1e9,
        "gpu_0_utilization_percentage": 40,
        "gpu_0_power_usage_watts": 150,
    }


@pytest.mark.parametrize("library", [{}, {"nvmlInit": no_driver}, {"nvmlInit": lambda: None}])
def test_without_a_gpu_a_driver_or_a_library_the_rest_is_read(
    library: dict[str, Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """K4."""
    imitate(monkeypatch, "pynvml", **library)
    assert len(sampler._find_readings()) == 5
    assert read_gpus() == {}
    assert [record for record in caplog.records if record.levelname == "WARNING"] == []
