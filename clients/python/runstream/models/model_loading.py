"""Finding a model again: its URI, its files on this machine, and how they are to be read.

A model is named by `models:/MODEL_ID`, by a version of a registered model, as `models:/NAME/3` and
`models:/NAME@ALIAS`, by `runs:/RUN_ID/NAME`, or by the path of a folder.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from runstream.calls.client import TrackingClient
from runstream.errors import NotFound
from runstream.files.artifact_paths import VersionUri, model_uri_error, parse_artifact_uri
from runstream.fluent.destination import current_client
from runstream.fluent.run_clients import client_for_run
from runstream.models.stored_model import StoredModel, read_description

# Names of models that an error lists.
_MAX_NAMES = 20


@contextmanager
def open_model(model_uri: str | os.PathLike[str], flavor: str) -> Iterator[StoredModel]:
    """Yield the files of a model on this machine; those that were downloaded are removed then.

    Args:
        model_uri: the model.
        flavor: the framework that is to read it.

    Raises:
        InvalidArgument: the URI has another form, the model is of another framework, or its
            description is malformed.
        NotFound: there is no such model.
    """
    with TemporaryDirectory(prefix="runstream-") as target:
        folder = _download(os.fspath(model_uri), target)
        yield read_description(folder, flavor, model_uri)


def _download(model_uri: str, target: str) -> Path:
    is_folder = model_uri.startswith("/")  # which may be one of MLflow's, .../RUN_ID/artifacts/...
    named = None if is_folder else parse_artifact_uri(model_uri, "model_uri")
    if isinstance(named, VersionUri):
        client = current_client()
        owner, path = client.find_version_files(named)
        return Path(client.download_artifacts(owner, path, target))
    if named is not None:
        owner, path = named
        client = client_for_run(owner)
        if owner.startswith("m-"):
            return Path(client.download_artifacts(owner, path, target))
        if path:
            return _download_of_run(client, owner, path, target)
    if re.match(r"[a-z]+:/", model_uri):
        raise model_uri_error("model_uri", model_uri)
    return Path(model_uri)


def _download_of_run(client: TrackingClient, run_id: str, path: str, target: str) -> Path:
    """Return the newest model of this name that a run made, or else its artifacts at this path."""
    found = client.find_model_path(run_id, path)
    if found is not None:
        return Path(client.download_artifacts(found.model_id, found.path, target))
    try:
        return Path(client.download_artifacts(run_id, path, target))
    except NotFound as missing:
        names = sorted({model.name for model in client.list_run_models(run_id)})
        there = f"its models are {', '.join(names[:_MAX_NAMES])}" if names else "it has no models"
        raise NotFound(
            f"run {run_id} has no model {path!r}: {there}",
            reason="MODEL_NOT_FOUND",
            field="model_uri",
            value=path,
        ) from missing
