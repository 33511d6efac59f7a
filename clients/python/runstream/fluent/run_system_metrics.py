"""System metrics of the runs that `start_run` starts, and the functions of their settings.

`runstream.system_metrics` reads the machine; here is which run has what.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from runstream.calls.client import TrackingClient
from runstream.errors import RunstreamError
from runstream.fluent.run_handle import ActiveRun
from runstream.system_metrics import settings

if TYPE_CHECKING:
    from runstream.system_metrics.job_place import JobPlace

log = logging.getLogger("runstream")

_has_warned_of_psutil = False


def enable_system_metrics_logging() -> None:
    """Let the runs that start from now on log system metrics, here and in started processes.

    See `start_run`, whose `log_system_metrics` decides for one run. The environment variable
    RUNSTREAM_SYSTEM_METRICS=1 does the same.

    Raises:
        ModuleNotFoundError: psutil is not installed.
    """
    settings.check_installed()
    settings.set_enabled(True)


def disable_system_metrics_logging() -> None:
    """Let the runs that start from now on log no system metrics, unless `start_run` is told to."""
    settings.set_enabled(False)


def set_system_metrics_sampling_interval(interval: float | None) -> None:
    """Set the seconds between two samples, at least 0.1; 10, if None.

    It holds for runs that start from now on, and all runs of a process have the same.

    Raises:
        InvalidArgument: it is no such number.
    """
    settings.set_interval(interval)


def set_system_metrics_samples_before_logging(samples: int | None) -> None:
    """Set of how many samples a point is the mean; 1, if None. Raises InvalidArgument."""
    settings.set_samples_before_logging(samples)


def set_system_metrics_node_id(node_id: str | None) -> None:
    """Set the name of this machine in the keys, as in `system/NODE_ID/cpu_utilization_percentage`.

    Without one, the machines of a job of torchrun or Slurm are `node_0`, `node_1` and so on.
    """
    settings.set_node_id(node_id)


def wants_system_metrics(log_system_metrics: bool | None) -> bool:
    """Return whether a run is to log system metrics.

    Args:
        log_system_metrics: what `start_run` was told; the setting decides, if None.

    Raises:
        ModuleNotFoundError: the caller asks for them, and psutil is not installed. Where only the
            environment does, that is one warning.
        InvalidArgument: a setting in the environment is malformed.
    """
    global _has_warned_of_psutil
    if not (settings.is_enabled() if log_system_metrics is None else log_system_metrics):
        return False
    settings.interval()
    settings.samples_before_logging()
    try:
        settings.check_installed()
    except ModuleNotFoundError as error:
        if log_system_metrics is not None:
            raise
        if not _has_warned_of_psutil:
            _has_warned_of_psutil = True
            log.warning("no system metrics are logged: %s", error)
        return False
    return True


def start_system_metrics(run: ActiveRun, *, is_resumed: bool) -> None:
    """Log system metrics to a run until it ends.

    A run that is resumed may be that of another process of the job. The first process on each
    machine logs what the machine does, and the others only what they do themselves.
    """
    from runstream.system_metrics.job_place import find_job_place
    from runstream.system_metrics.recording import Recording
    from runstream.system_metrics.sampler import start_recording, stop_recording

    place = find_job_place()
    buffer = run.buffer
    try:
        first_step = _next_step(run.client, run.run_id, place) if is_resumed else 0
    except RunstreamError as error:
        log.warning("run %s logs no system metrics: %s", run.run_id, error)
        return
    recording = Recording(
        lambda metrics, step: buffer.log_metrics(metrics, step, None, "skip"),
        place,
        has_machine=place.is_first_of_node or not is_resumed,
        first_step=first_step,
        samples_before_logging=settings.samples_before_logging(),
    )
    run.call_at_end(partial(stop_recording, recording))
    start_recording(recording, settings.interval())


def _next_step(client: TrackingClient, run_id: str, place: JobPlace) -> int:
    """Return the step after the last one at which this place of a job logged to a run."""
    keys = (
        f"{place.node_prefix}cpu_utilization_percentage",
        f"{place.process_prefix}process_cpu_utilization_percentage",
    )
    parts = client.read_metric_history(run_id, keys, max_points=10)  # the last one among them
    return max((step for part in parts for step in part.step), default=-1) + 1
