"""Finding a model again: its URI, its files on this machine, and how they are to be read.

A model is named by `models:/MODEL_ID`, by `runs:/RUN_ID/NAME`, or by the path of a folder.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from runstream.calls.client import TrackingClient
from runstream.errors import InvalidArgument
from runstream.fluent.active_runs import client_for_run
from runstream.fluent.destination import current_client
from runstream.models.stored_model import StoredModel, read_description

_MODEL_URI = re.compile(r"models:/+(?P<model_id>m-[0-9a-f]{32})")
_RUN_URI = re.compile(r"runs:/+(?P<run_id>[0-9a-f]{32})/(?P<name>.+)")


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
    if found := _MODEL_URI.fullmatch(model_uri):
        return Path(current_client().download_artifacts(found["model_id"], "", target))
    if found := _RUN_URI.fullmatch(model_uri):
        client = client_for_run(found["run_id"])
        return _download_of_run(client, found["run_id"], found["name"], target)
    if re.match(r"[a-z]+:/", model_uri):
        raise InvalidArgument(
            f"Invalid value {model_uri!r} for parameter 'model_uri' supplied: it must be "
            "models:/MODEL_ID, runs:/RUN_ID/NAME or the path of a folder",
            reason="MODEL_URI_MALFORMED",
            field="model_uri",
            value=model_uri,
            limit="models:/MODEL_ID, runs:/RUN_ID/NAME or a path",
        )
    return Path(model_uri)


def _download_of_run(client: TrackingClient, run_id: str, name: str, target: str) -> Path:
    """Return the newest model of this name that a run made, or else its artifacts of this name."""
    quoted = name.replace("'", "''")
    models = client.search_logged_models(
        filter_string=f"source_run_id = '{run_id}' AND name = '{quoted}'", max_results=1
    )
    for model in models:
        return Path(client.download_artifacts(model.model_id, "", target))
    return Path(client.download_artifacts(run_id, name, target))
