"""The settings of system metrics, kept in the environment, which started processes inherit.

Each has a variable RUNSTREAM_SYSTEM_METRICS..., and where it is not set, MLflow's is taken.
"""

from __future__ import annotations

import os
from importlib.util import find_spec

from runstream.errors import InvalidArgument

#: Seconds between two samples, unless said otherwise.
DEFAULT_INTERVAL = 10.0

#: The shortest time between two samples.
MIN_INTERVAL = 0.1

_ENABLED = ("RUNSTREAM_SYSTEM_METRICS", "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING")
_INTERVAL = (
    "RUNSTREAM_SYSTEM_METRICS_SAMPLING_INTERVAL",
    "MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL",
)
_SAMPLES = (
    "RUNSTREAM_SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING",
    "MLFLOW_SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING",
)
_NODE_ID = ("RUNSTREAM_SYSTEM_METRICS_NODE_ID", "MLFLOW_SYSTEM_METRICS_NODE_ID")

_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")


def is_enabled() -> bool:
    """Return whether runs log system metrics unless `start_run` says otherwise."""
    name, text = _find(_ENABLED)
    if text.lower() in (*_FALSE, ""):
        return False
    if text.lower() in _TRUE:
        return True
    raise _setting_error(name, text, "true or false")


def set_enabled(enabled: bool) -> None:
    """Let the runs that start from now on log system metrics, or not."""
    os.environ[_ENABLED[0]] = "true" if enabled else "false"


def interval() -> float:
    """Return the seconds between two samples."""
    name, text = _find(_INTERVAL)
    return _check_interval(name, text) if text else DEFAULT_INTERVAL


def set_interval(seconds: float | None) -> None:
    """Set the seconds between two samples; None for the default."""
    if seconds is not None:
        _check_interval("interval", seconds)
    _set(_INTERVAL, seconds)


def samples_before_logging() -> int:
    """Return of how many samples a point is the mean."""
    name, text = _find(_SAMPLES)
    return _check_samples(name, text) if text else 1


def set_samples_before_logging(samples: int | None) -> None:
    """Set of how many samples a point is the mean; None for the default, 1."""
    if samples is not None:
        _check_samples("samples", samples)
    _set(_SAMPLES, samples)


def node_id() -> str:
    """Return the name of this machine among those of the job, "" if nobody has given one."""
    return _find(_NODE_ID)[1]


def set_node_id(name: str | None) -> None:
    """Set the name of this machine among those of the job; None for none."""
    _set(_NODE_ID, name)


def check_installed() -> None:
    """Raise ModuleNotFoundError, saying what to install, if there is nothing to read with."""
    if find_spec("psutil") is None:
        raise ModuleNotFoundError(
            "system metrics need psutil, which is not installed: "
            "pip install 'runstream[system-metrics]'",
            name="psutil",
        )


def _find(names: tuple[str, str]) -> tuple[str, str]:
    """Return the variable that is set, and its value; "" if none is."""
    return next(
        ((name, os.environ[name]) for name in names if os.environ.get(name)), (names[0], "")
    )


def _set(names: tuple[str, str], value: object) -> None:
    for name in names:
        os.environ.pop(name, None)
    if value is not None:
        os.environ[names[0]] = str(value)


def _check_interval(field: str, value: object) -> float:
    limit = f"seconds, at least {MIN_INTERVAL}"
    try:
        seconds = float(str(value))
    except ValueError:
        raise _setting_error(field, value, limit) from None
    if not MIN_INTERVAL <= seconds < float("inf"):
        raise _setting_error(field, value, limit)
    return seconds


def _check_samples(field: str, value: object) -> int:
    try:
        samples = int(str(value))
    except ValueError:
        raise _setting_error(field, value, "an integer, at least 1") from None
    if samples < 1:
        raise _setting_error(field, value, "an integer, at least 1")
    return samples


def _setting_error(field: str, value: object, limit: str) -> InvalidArgument:
    return InvalidArgument(
        f"Invalid value {value!r} for parameter '{field}' supplied: it must be {limit}",
        reason="SETTING_MALFORMED",
        field=field,
        value=value,
        limit=limit,
    )
