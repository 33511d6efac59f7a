"""Paths of files that belong to a series over steps, as MLflow 3 names images.

`images/KEY+step+7+timestamp+1700000000000+UUID.png`, with `~` for each `/` of the key. MLflow 2 has
`%` and `#` in place of `+` and `~`; such names are read, too.
"""

from __future__ import annotations

import operator
import re
import reprlib
import time

from runstream import rules
from runstream.entities.series_file import SeriesFile
from runstream.errors import InvalidArgument
from runstream.files.artifact_paths import ArtifactPath, check_artifact_file

#: The folders of series, for each kind of file.
SERIES_FOLDERS = ("images", "figures", "audio", "tables", "histograms")

_NAME = re.compile(
    r"(?P<key>.+)(?P<mark>[+%])step(?P=mark)(?P<step>-?\d+)(?P=mark)timestamp(?P=mark)"
    r"(?P<timestamp>\d+)(?P=mark)[0-9a-f-]{36}(?P<preview>(?P=mark)compressed)?\.\w+",
    re.ASCII | re.DOTALL,
)


def file_or_series_path(
    folder: str,
    suffix: str,
    artifact_file: ArtifactPath | None,
    key: str | None,
    step: int | None,
    timestamp: int | None,
) -> str:
    """Return the path of a file that is logged: a file of its own, or one of a series.

    Args:
        folder: where series of its kind are.
        suffix: that of files of a series, with the dot.
        artifact_file: the file; or
        key: the series.
        step: training step; 0, if left out.
        timestamp: milliseconds since the epoch; now, if left out.

    Raises:
        InvalidArgument: not exactly one of artifact_file and key is given, or one breaks its rule.
    """
    if (artifact_file is None) == (key is None):
        raise InvalidArgument(
            "either artifact_file or key must be given",
            reason="ARGUMENTS_CONFLICT",
            field="artifact_file",
        )
    if key is None:
        return check_artifact_file(artifact_file)
    rules.check_key("key", key)
    number = _integer("step", step or 0)
    now = time.time_ns() // 1_000_000 if timestamp is None else _integer("timestamp", timestamp)
    rules.check_timestamp("timestamp", now)
    from uuid import uuid4  # takes milliseconds to import

    name = f"{key.replace('/', '~')}+step+{number}+timestamp+{now}+{uuid4()}{suffix}"
    return check_artifact_file(f"{folder}/{name}")


def parse_series_path(path: str) -> SeriesFile | None:
    """Return what the path of a file of a series says, None of another file or a preview."""
    found = _NAME.fullmatch(path.rpartition("/")[2])
    if found is None or found["preview"]:
        return None
    key = found["key"].replace("~" if found["mark"] == "+" else "#", "/")
    return SeriesFile(key, int(found["step"]), int(found["timestamp"]), path)


def _integer(field: str, value: object) -> int:
    try:
        return operator.index(value)  # type: ignore[arg-type] # anything else raises TypeError
    except TypeError:
        raise InvalidArgument(
            f"Invalid value {reprlib.repr(value)} for parameter '{field}' supplied: "
            "it must be an integer",
            reason=f"{field.upper()}_NOT_AN_INTEGER",
            field=field,
            value=reprlib.repr(value),
            limit="an integer",
        ) from None
