"""Processor, memory, disk and network of this machine, and of this process, by psutil.

The names are MLflow's. Those that begin with `process_` are our own.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from runstream.system_metrics.readings import Reading


def machine_readings() -> list[Reading]:
    """Return how processor, memory, disk, network and this process are read."""
    import psutil

    return [
        Reading("processor", _processor_reader(psutil)),
        Reading("memory", lambda: _memory(psutil)),
        Reading("disk", lambda: _disk(psutil)),
        Reading("network", lambda: _network(psutil)),
        Reading("process", _process_reader(psutil), is_of_process=True),
    ]


def _processor_reader(psutil: Any) -> Callable[[], Mapping[str, float]]:
    """Return a function that returns how busy all processors were since it was called last.

    `psutil.cpu_percent` would do so, too, but shares the time of its last call with the program.
    """
    before = _processor_times(psutil)

    def read() -> Mapping[str, float]:
        nonlocal before
        now = _processor_times(psutil)
        busy, total = now[0] - before[0], now[1] - before[1]
        before = now
        return {"cpu_utilization_percentage": 100 * max(0.0, busy) / total if total > 0 else 0.0}

    return read


def _processor_times(psutil: Any) -> tuple[float, float]:
    """Return the seconds in which the processors worked, and all seconds."""
    times = psutil.cpu_times()
    # On Linux the time of guests is in that of users, too.
    total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    return total - times.idle - getattr(times, "iowait", 0.0), total


def _memory(psutil: Any) -> Mapping[str, float]:
    memory = psutil.virtual_memory()
    return {
        "system_memory_usage_megabytes": memory.used / 1e6,
        "system_memory_usage_percentage": 100 * memory.used / memory.total,
    }


def _disk(psutil: Any) -> Mapping[str, float]:
    disk = psutil.disk_usage(os.sep)
    return {
        "disk_usage_percentage": disk.percent,
        "disk_usage_megabytes": disk.used / 1e6,
        "disk_available_megabytes": disk.free / 1e6,
    }


def _network(psutil: Any) -> Mapping[str, float]:
    network = psutil.net_io_counters()
    return {
        "network_receive_megabytes": network.bytes_recv / 1e6,
        "network_transmit_megabytes": network.bytes_sent / 1e6,
    }


def _process_reader(psutil: Any) -> Callable[[], Mapping[str, float]]:
    """Return a function that returns what this process used since it was called last."""
    process = psutil.Process()
    before = time.process_time(), time.monotonic()

    def read() -> Mapping[str, float]:
        nonlocal before
        now = time.process_time(), time.monotonic()
        used, passed = now[0] - before[0], now[1] - before[1]
        before = now
        return {
            "process_cpu_utilization_percentage": 100 * used / passed if passed > 0 else 0.0,
            "process_memory_usage_megabytes": process.memory_info().rss / 1e6,
        }

    return read
