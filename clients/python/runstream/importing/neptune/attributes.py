"""The single values of a run of Neptune, as its params, tags and times."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from runstream.importing.neptune.export_files import read_rows
from runstream.importing.source import SourceRun

_COLUMNS = {
    "int": "int_value",
    "float": "float_value",
    "string": "string_value",
    "bool": "bool_value",
    "datetime": "datetime_value",
    "string_set": "string_set_value",
}

# Of `sys/`, what Neptune counts or draws.
_LEFT_OUT = frozenset(
    {"size", "running_time", "running_time_seconds", "monitoring_time", "trashed"}
)


def read_attributes(files: Sequence[Path]) -> dict[str, Any]:
    """Return the single values of a run by their paths."""
    found = {}
    for batch in read_rows(files, tuple(_COLUMNS), tuple(_COLUMNS.values())):
        for row in batch.to_pylist():
            value = row.get(_COLUMNS[row["attribute_type"]])
            if value is not None:
                found[row["attribute_path"]] = value
    return found


def to_run(run_id: str, project: str, name: str, values: Mapping[str, Any]) -> SourceRun:
    """Return a run.

    The exporter never goes on with a run that it has exported, so all have ended.

    Args:
        run_id: its id here.
        project: the project in Neptune.
        name: the run's id in Neptune.
        values: its single values by their paths.
    """
    system = {key[4:]: value for key, value in values.items() if key.startswith("sys/")}
    start = to_milliseconds(system.get("creation_time")) or 0
    ends = [to_milliseconds(system.get(key)) for key in ("ping_time", "modification_time")]
    return SourceRun(
        run_id=run_id,
        name=str(system.get("name") or name),
        user_id=str(system.get("owner") or ""),
        status="FAILED" if system.get("failed") is True else "FINISHED",
        start_time=start,
        end_time=max((end for end in ends if end is not None), default=start),
        artifact_uri="",
        params={k: to_text(v) for k, v in values.items() if not k.startswith("sys/")},
        tags=_to_tags(system),
        source_id=f"{project}/{name}",
    )


def _to_tags(system: Mapping[str, Any]) -> dict[str, str]:
    tags = {}
    for key, value in system.items():
        if key in ("tags", "group_tags"):
            tags.update(dict.fromkeys(map(str, value), "true"))
        elif key == "description":
            tags["mlflow.note.content"] = str(value)
        elif key == "owner":
            tags["mlflow.user"] = str(value)
        elif key not in _LEFT_OUT and value != "":
            tags[f"neptune.{key}"] = to_text(value)
    return tags


def to_text(value: Any) -> str:
    """Return a value as the text of a param."""
    if isinstance(value, datetime):
        return value.isoformat()
    return json.dumps(value) if isinstance(value, list) else str(value)


def to_milliseconds(value: Any) -> int | None:
    """Return a time in milliseconds since the epoch, None if there is none."""
    return round(value.timestamp() * 1000) if isinstance(value, datetime) else None
