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
    for group in ("metrics", "params", "tags"):
        logged = [getattr(run.data, group) for run in runs]
        missing = float("nan") if group == "metrics" else None
        dtype = "float64" if group == "metrics" else "object"
        for key in sorted(set().union(*logged)):
            values = [of_run.get(key, missing) for of_run in logged]
            columns[f"{group}.{key}"] = library.Series(values, dtype=dtype)
    frame: pandas.DataFrame = library.DataFrame(columns)
    return frame
