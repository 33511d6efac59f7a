"""Where a process is among those of a job, which is in the keys of its system metrics.

A job of one process has no such part, so its keys are those of MLflow.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from runstream.system_metrics import settings


class _Launcher(NamedTuple):
    """The variables by which a launcher tells a process its place, "" if there is none."""

    rank: str
    processes: str
    local_rank: str
    node: str = ""
    nodes: str = ""


_LAUNCHERS = (
    _Launcher("RANK", "WORLD_SIZE", "LOCAL_RANK", "GROUP_RANK", "GROUP_WORLD_SIZE"),  # torchrun
    _Launcher("SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID", "SLURM_NODEID", "SLURM_NNODES"),
    _Launcher("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"),
)


class JobPlace(NamedTuple):
    """The place of a process in its job.

    Attributes:
        node_prefix: begins the keys of what its machine does: `system/`, or `system/node_1/` in a
            job on several machines.
        process_prefix: begins the keys of what it does itself: the same, with its rank in a job of
            several processes, as `system/rank_3/`.
        is_first_of_node: whether it is the first process of the job on its machine.
    """

    node_prefix: str
    process_prefix: str
    is_first_of_node: bool


def find_job_place() -> JobPlace:
    """Return the place of this process, from the settings and the environment of its launcher."""
    launcher = next((one for one in _LAUNCHERS if _number(one.processes, 1) > 1), None)
    node = settings.node_id()
    if launcher is None:
        prefix = f"system/{node}/" if node else "system/"
        return JobPlace(prefix, prefix, True)
    if not node and _number(launcher.nodes, 1) > 1:
        node = f"node_{_number(launcher.node, 0)}"
    prefix = f"system/{node}/" if node else "system/"
    process_prefix = f"{prefix}rank_{_number(launcher.rank, 0)}/"
    return JobPlace(prefix, process_prefix, _number(launcher.local_rank, 0) == 0)


def _number(variable: str, otherwise: int) -> int:
    text = os.environ.get(variable, "")
    return int(text) if text.isdecimal() else otherwise
