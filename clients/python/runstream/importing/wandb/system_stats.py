"""System metrics of W&B under our names, which are those of MLflow."""

from __future__ import annotations

import re

_MIB = 1024 * 1024 / 1e6
_GIB = 1024 * _MIB

# W&B's name, ours, and what a value is multiplied by. What has no name of ours keeps its own.
_NAMES = (
    (r"memory_percent", "system_memory_usage_percentage", 1),
    (r"memory", "system_memory_usage_percentage", 1),  # of older versions
    (r"proc\.memory\.rssMB", "process_memory_usage_megabytes", _MIB),
    (r"disk\./\.usagePercent", "disk_usage_percentage", 1),
    (r"disk\./\.usageGB", "disk_usage_megabytes", _GIB),
    (r"network\.sent", "network_transmit_megabytes", 1e-6),
    (r"network\.recv", "network_receive_megabytes", 1e-6),
    (r"gpu\.(\d+)\.gpu", "gpu_{}_utilization_percentage", 1),
    (r"gpu\.(\d+)\.memoryAllocated", "gpu_{}_memory_usage_percentage", 1),
    (r"gpu\.(\d+)\.memoryAllocatedBytes", "gpu_{}_memory_usage_megabytes", 1e-6),
    (r"gpu\.(\d+)\.powerWatts", "gpu_{}_power_usage_watts", 1),
    (r"gpu\.(\d+)\.powerPercent", "gpu_{}_power_usage_percentage", 1),
)


def to_system_metric(name: str) -> tuple[str, float]:
    """Return the name of a system metric here, and what its values are multiplied by."""
    name = name.removeprefix("system.")
    for pattern, ours, factor in _NAMES:
        found = re.fullmatch(pattern, name)
        if found:
            return f"system/{ours.format(*found.groups())}", factor
    return f"system/{name}", 1
