"""The fluent API of artifacts.

Functions that write take the active run, starting one if there is none. Functions that read take
a run by its id, or else the active one, or a URI of the form `runs:/RUN_ID/PATH`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from runstream.entities import FileInfo
from runstream.errors import InvalidArgument
from runstream.experiments import chosen_client
from runstream.fluent import active_run, start_run

if TYPE_CHECKING:
    import pandas

_SCHEME = "runs:/"


def log_artifact(local_path: str | os.PathLike[str], artifact_path: str | None = None) -> None:
    """Upload a file, on disk when it returns; see `TrackingClient.log_artifact`.

    Args:
        local_path: the file; a folder is uploaded with its name.
        artifact_path: the folder among the artifacts where it goes; their root, if left out.
    """
    chosen_client().log_artifact(_active(), local_path, artifact_path)


def log_artifacts(local_dir: str | os.PathLike[str], artifact_path: str | None = None) -> None:
    """Upload all files of a folder; see `TrackingClient.log_artifacts`."""
    chosen_client().log_artifacts(_active(), local_dir, artifact_path)


def log_text(text: str, artifact_file: str) -> None:
    """Upload a text as a file in UTF-8."""
    chosen_client().log_text(_active(), text, artifact_file)


def log_dict(dictionary: Mapping[str, Any], artifact_file: str) -> None:
    """Upload a dictionary as JSON, or as YAML if the file is called so."""
    chosen_client().log_dict(_active(), dictionary, artifact_file)


def log_figure(figure: Any, artifact_file: str) -> None:
    """Upload a figure of Matplotlib or Plotly, in the format of the file's suffix."""
    chosen_client().log_figure(_active(), figure, artifact_file)


def log_image(
    image: Any,
    artifact_file: str | None = None,
    key: str | None = None,
    step: int | None = None,
    timestamp: int | None = None,
) -> None:
    """Upload an image, as a file or as one of a series; see `TrackingClient.log_image`."""
    chosen_client().log_image(_active(), image, artifact_file, key, step, timestamp)


def log_table(data: pandas.DataFrame | Mapping[str, Any], artifact_file: str) -> None:
    """Upload a table, or add its rows to the one there; see `TrackingClient.log_table`."""
    chosen_client().log_table(_active(), data, artifact_file)


def get_artifact_uri(artifact_path: str | None = None) -> str:
    """Return the URI of the artifacts of the active run, or of one of them (R6)."""
    return chosen_client().get_artifact_uri(_active(), artifact_path)


def list_artifacts(
    path: str | None = None, run_id: str | None = None, recursive: bool = False
) -> list[FileInfo]:
    """List a folder of artifacts; see `TrackingClient.list_artifacts`."""
    run, path = _place(path or "", run_id)
    return chosen_client().list_artifacts(run, path, recursive)


def download_artifacts(
    path: str = "", run_id: str | None = None, dst_path: str | os.PathLike[str] | None = None
) -> str:
    """Download a file or folder; see `TrackingClient.download_artifacts`.

    Args:
        path: the file or folder, or a URI `runs:/RUN_ID/PATH`; all artifacts, if empty.
        run_id: the run; the active one, if left out.
        dst_path: the folder where it goes; a new temporary one, if left out.
    """
    run, path = _place(path, run_id)
    return chosen_client().download_artifacts(run, path, dst_path)


def load_text(path: str, run_id: str | None = None) -> str:
    """Return the content of a file in UTF-8."""
    run, path = _place(path, run_id)
    return chosen_client().load_text(run, path)


def load_dict(path: str, run_id: str | None = None) -> Any:
    """Return the content of a JSON file, or of a YAML file if it is called so."""
    run, path = _place(path, run_id)
    return chosen_client().load_dict(run, path)


def load_table(path: str, run_id: str | None = None) -> pandas.DataFrame:
    """Return a table that `log_table` uploaded, as a data frame."""
    run, path = _place(path, run_id)
    return chosen_client().load_table(run, path)


def delete_artifacts(path: str | None = None, run_id: str | None = None) -> None:
    """Delete a file or folder for good; see `TrackingClient.delete_artifacts`."""
    run, path = _place(path or "", run_id)
    chosen_client().delete_artifacts(run, path)


def _active() -> str:
    return (active_run() or start_run()).info.run_id


def _place(path: str, run_id: str | None) -> tuple[str, str]:
    if path.startswith(_SCHEME):
        of_uri, _, path = path.removeprefix(_SCHEME).partition("/")
        if run_id not in (None, of_uri):
            raise InvalidArgument(
                f"the URI names run {of_uri}, but run_id is {run_id}",
                reason="ARGUMENTS_CONFLICT",
                field="run_id",
            )
        return of_uri, path
    return run_id or _active(), path
