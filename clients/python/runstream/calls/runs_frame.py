"""Runs as a data frame of pandas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runstream import entities
from runstream.files.optional_libraries import import_optional

if TYPE_CHECKING:
    import pandas


def runs_to_frame(runs: list[entities.Run]) -> pandas.DataFrame:
    """Return runs as the data frame that `runstream.search_runs` describes."""
    library = import_optional(
        "pandas", "a data frame of runs", 'use output_format="list", which returns runs'
    )

    def times(milliseconds: list[int | None]) -> Any:
        return library.to_datetime(library.Series(milliseconds, dtype="Int64"), unit="ms", utc=True)

    columns: dict[str, object] = {
        "run_id": [run.info.run_id for run in runs],
        "experiment_id": [run.info.experiment_id for run in runs],
        "status": [run.info.status for run in runs],
        "artifact_uri": [run.info.artifact_uri for run in runs],
        "start_time": times([run.info.start_time for run in runs]),
        "end_time": times([run.info.end_time for run in runs]),
    }
    parts = [library.DataFrame(columns)]
    parts += [_group_frame(library, runs, group) for group in ("metrics", "params", "tags")]
    frame: pandas.DataFrame = library.concat(parts, axis="columns")
    return frame


def _group_frame(library: Any, runs: list[entities.Run], group: str) -> pandas.DataFrame:
    """Return a data frame with a column for each key.

    It is made of one array: a series for each of ten thousand keys would take many seconds.
    """
    import numpy

    logged = [getattr(run.data, group) for run in runs]
    keys = sorted(set().union(*logged))
    missing, dtype = (float("nan"), "float64") if group == "metrics" else (None, "object")
    values = numpy.full((len(runs), len(keys)), missing, dtype=dtype)
    column = {key: number for number, key in enumerate(keys)}
    for row, of_run in zip(values, logged, strict=True):
        for key, value in of_run.items():
            row[column[key]] = value
    names = [f"{group}.{key}" for key in keys]
    frame: pandas.DataFrame = library.DataFrame(values, columns=names, dtype=dtype)
    return frame
