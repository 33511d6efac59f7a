"""The fluent API of artifacts.

Functions that write take the active run, starting one if there is none, or a run by its id.
Functions that read or delete take `artifact_uri`: the URI of an artifact, as `runs:/RUN_ID/PATH`,
`models:/MODEL_ID/PATH`, `models:/NAME/VERSION/PATH`, `models:/NAME@ALIAS/PATH` or below the
`artifact_uri` of a run or model, or a path among the artifacts of the run `run_id`, or else of the
active one. They start no run: without one they raise
InvalidArgument. All go to the server of the run (R7).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

from runstream import entities
from runstream.calls.client import TrackingClient
from runstream.errors import InvalidArgument
from runstream.files.artifact_paths import (
    ArtifactPath,
    VersionUri,
    artifact_path_text,
    join_path,
    parse_artifact_uri,
)
from runstream.fluent.active_runs import active_run_id, client_and_run_id
from runstream.fluent.destination import client_for_uri, current_client, current_experiment_id
from runstream.fluent.run_clients import client_for_run
from runstream.transport.tracking_uri import parse

if TYPE_CHECKING:
    import pandas


def log_artifact(
    local_path: str | os.PathLike[str],
    artifact_path: ArtifactPath | None = None,
    run_id: str | None = None,
    synchronous: bool | None = None,
) -> None:
    """Upload a file; see `TrackingClient.log_artifact`.

    Args:
        local_path: the file; a folder is uploaded with its name.
        artifact_path: the folder among the artifacts where it goes; their root, if left out.
        run_id: another run than the active one.
        synchronous: False to return once the file is copied, to be uploaded in the background; True
            to return when the server has it; the same, if left out, while the server is there.
    """
    client, run_id = client_and_run_id(run_id)
    client.log_artifact(run_id, local_path, artifact_path, synchronous)


def log_artifacts(
    local_dir: str | os.PathLike[str],
    artifact_path: ArtifactPath | None = None,
    run_id: str | None = None,
    synchronous: bool | None = None,
) -> None:
    """Upload all files of a folder; see `TrackingClient.log_artifacts`."""
    client, run_id = client_and_run_id(run_id)
    client.log_artifacts(run_id, local_dir, artifact_path, synchronous)


def log_text(text: str, artifact_file: ArtifactPath, run_id: str | None = None) -> None:
    """Upload a text as a file in UTF-8."""
    client, run_id = client_and_run_id(run_id)
    client.log_text(run_id, text, artifact_file)


def log_dict(
    dictionary: Mapping[str, Any] | Sequence[Any],
    artifact_file: ArtifactPath,
    run_id: str | None = None,
) -> None:
    """Upload a dictionary as JSON, or as YAML if the file is called so."""
    client, run_id = client_and_run_id(run_id)
    client.log_dict(run_id, dictionary, artifact_file)


def log_stream(stream: BinaryIO, artifact_file: ArtifactPath, run_id: str | None = None) -> None:
    """Upload what is left of a binary file or stream."""
    client, run_id = client_and_run_id(run_id)
    client.log_stream(run_id, stream, artifact_file)


def log_figure(
    figure: Any,
    artifact_file: ArtifactPath | None = None,
    *,
    save_kwargs: Mapping[str, Any] | None = None,
    key: str | None = None,
    step: int | None = None,
    timestamp: int | None = None,
) -> None:
    """Upload a figure, as a file or as one of a series; see `TrackingClient.log_figure`."""
    client, run_id = client_and_run_id(None)
    client.log_figure(
        run_id,
        figure,
        artifact_file,
        save_kwargs=save_kwargs,
        key=key,
        step=step,
        timestamp=timestamp,
    )


def log_image(
    image: Any,
    artifact_file: ArtifactPath | None = None,
    key: str | None = None,
    step: int | None = None,
    timestamp: int | None = None,
    synchronous: bool | None = None,
) -> None:
    """Upload an image, as a file or as one of a series; see `TrackingClient.log_image`."""
    client, run_id = client_and_run_id(None)
    client.log_image(run_id, image, artifact_file, key, step, timestamp, synchronous)


def log_audio(
    audio: Any,
    artifact_file: ArtifactPath | None = None,
    key: str | None = None,
    step: int | None = None,
    timestamp: int | None = None,
    *,
    sample_rate: int | None = None,
) -> None:
    """Upload a sound, as a file or as one of a series; see `TrackingClient.log_audio`."""
    client, run_id = client_and_run_id(None)
    client.log_audio(run_id, audio, artifact_file, key, step, timestamp, sample_rate=sample_rate)


def log_histogram(
    values: Any,
    artifact_file: ArtifactPath | None = None,
    key: str | None = None,
    step: int | None = None,
    timestamp: int | None = None,
    *,
    bins: Any = 64,
) -> None:
    """Upload how values are distributed; see `TrackingClient.log_histogram`."""
    client, run_id = client_and_run_id(None)
    client.log_histogram(run_id, values, artifact_file, key, step, timestamp, bins=bins)


def log_table(
    data: pandas.DataFrame | Mapping[str, Any],
    artifact_file: ArtifactPath | None = None,
    run_id: str | None = None,
    *,
    key: str | None = None,
    step: int | None = None,
    timestamp: int | None = None,
) -> None:
    """Upload a table, add rows to the one there, or one of a series.

    See `TrackingClient.log_table`.
    """
    client, run_id = client_and_run_id(run_id)
    client.log_table(run_id, data, artifact_file, key=key, step=step, timestamp=timestamp)


def list_series(
    folder: str, key: str | None = None, run_id: str | None = None
) -> list[entities.SeriesFile]:
    """List files of series over steps, such as `images`; see `TrackingClient.list_series`.

    Args:
        folder: `images`, `figures`, `audio`, `tables` or `histograms`.
        key: the series; all of the folder, if left out.
        run_id: another run than the active one.
    """
    run_id = run_id or active_run_id()
    return client_for_run(run_id).list_series(run_id, folder, key)


def get_artifact_uri(artifact_path: ArtifactPath | None = None) -> str:
    """Return the URI of the artifacts of the active run, or of one of them (R6)."""
    client, run_id = client_and_run_id(None)
    return client.get_artifact_uri(run_id, artifact_path)


def list_artifacts(
    artifact_uri: ArtifactPath | None = None,
    run_id: str | None = None,
    artifact_path: ArtifactPath | None = None,
    tracking_uri: str | None = None,
    *,
    recursive: bool = False,
) -> list[entities.FileInfo]:
    """List a folder of artifacts; see `TrackingClient.list_artifacts`.

    Args:
        artifact_uri: URI or path of the folder; or
        run_id: the run; the active one, if neither is given.
        artifact_path: the folder among the artifacts of `run_id`; their root, if left out.
        tracking_uri: where the run is, in place of the chosen server or its own.
        recursive: whether to list all files below it, at any depth, in their place.
    """
    client, run, path = _locate_artifact(artifact_uri, run_id, artifact_path, tracking_uri)
    return client.list_artifacts(run, path, recursive)


def download_artifacts(
    artifact_uri: ArtifactPath | None = None,
    run_id: str | None = None,
    artifact_path: ArtifactPath | None = None,
    dst_path: str | os.PathLike[str] | None = None,
    tracking_uri: str | None = None,
) -> str:
    """Download a file or folder; see `TrackingClient.download_artifacts`.

    Args:
        artifact_uri: URI or path of the file or folder; or
        run_id: the run; the active one, if neither is given.
        artifact_path: the file or folder among the artifacts of `run_id`; all, if left out.
        dst_path: the folder where it goes; a new temporary one, if left out.
        tracking_uri: where the run is, in place of the chosen server or its own.
    """
    client, run, path = _locate_artifact(artifact_uri, run_id, artifact_path, tracking_uri)
    return client.download_artifacts(run, path, dst_path)


def load_text(artifact_uri: ArtifactPath, run_id: str | None = None) -> str:
    """Return the content of a file in UTF-8."""
    client, run, path = _locate_artifact(artifact_uri, run_id)
    return client.load_text(run, path)


def load_dict(artifact_uri: ArtifactPath, run_id: str | None = None) -> Any:
    """Return the content of a JSON file, or of a YAML file if it is called so."""
    client, run, path = _locate_artifact(artifact_uri, run_id)
    return client.load_dict(run, path)


def load_table(
    artifact_file: ArtifactPath,
    run_ids: str | Iterable[str] | None = None,
    extra_columns: Sequence[str] | None = None,
) -> pandas.DataFrame:
    """Return tables that `log_table` uploaded as one data frame; see `TrackingClient.load_table`.

    Args:
        artifact_file: the file.
        run_ids: the runs; all of the chosen experiment that have such a table, if left out.
        extra_columns: columns of `search_runs`, such as `run_id`, to add to each row.
    """
    if run_ids is None:
        client, experiment_id = current_client(), current_experiment_id()
    else:
        run_ids = [run_ids] if isinstance(run_ids, str) else list(run_ids)
        client = client_for_run(run_ids[0]) if run_ids else current_client()
        experiment_id = ""
    return client.load_table(experiment_id, artifact_file, run_ids, extra_columns)


def delete_artifacts(path: ArtifactPath | None = None, run_id: str | None = None) -> None:
    """Delete a file or folder for good; see `TrackingClient.delete_artifacts`."""
    client, run, path = _locate_artifact(path, run_id)
    client.delete_artifacts(run, path)


def _locate_artifact(
    uri: ArtifactPath | None,
    run_id: str | None,
    path: ArtifactPath | None = None,
    tracking_uri: str | None = None,
) -> tuple[TrackingClient, str, str]:
    """Return where an artifact is: the client, the run or model, and the path below it."""
    text, below = artifact_path_text(uri), artifact_path_text(path)
    named = parse_artifact_uri(text)
    if isinstance(named, VersionUri):
        client = current_client() if tracking_uri is None else _client_for(tracking_uri)
        named = client.find_version_files(named)
    if named is not None:
        if run_id not in (None, named[0]):
            raise InvalidArgument(
                f"the URI names {named[0]}, but run_id is {run_id}",
                reason="ARGUMENTS_CONFLICT",
                field="run_id",
            )
        run_id, text = named
    if text and below:
        raise InvalidArgument(
            "artifact_path goes with run_id, and artifact_uri has a path of its own",
            reason="ARGUMENTS_CONFLICT",
            field="artifact_path",
        )
    if tracking_uri is not None and run_id is not None:
        return _client_for(tracking_uri), run_id, join_path(text, below)
    run_id = run_id or active_run_id()
    return client_for_run(run_id), run_id, join_path(text, below)


def _client_for(tracking_uri: str) -> TrackingClient:
    return client_for_uri(parse(tracking_uri).uri)
