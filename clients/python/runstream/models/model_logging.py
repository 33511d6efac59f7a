"""Storing a model: a logged model of an experiment, with its files, as an output of a run."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runstream.calls.client import TrackingClient
from runstream.entities import ModelVersion, RunInfo
from runstream.errors import RunstreamError
from runstream.fluent.active_runs import get_or_start_run
from runstream.models.model_files import Flavor, ModelDraft, write_model
from runstream.registry_rules import check_registered_model_name


@dataclass(frozen=True)
class ModelInfo:
    """A model that was logged.

    Attributes:
        model_id: its id.
        model_uri: what `load_model` takes.
        name: its name.
        run_id: the run that made it.
        flavors: how to read its files, by framework.
        registered_model_version: the number of the version that it was registered as; None, if it
            was not.
    """

    model_id: str
    model_uri: str
    name: str
    run_id: str
    flavors: Mapping[str, Any]
    registered_model_version: str | None = None


@dataclass(frozen=True)
class ModelDescription:
    """What is recorded of a model besides its files.

    Attributes:
        name: its name; several models may have the same.
        params: its params.
        tags: its tags.
        model_type: its kind, such as `Classifier`.
        step: the training step after which it was stored.
        signature: its columns, as the file `MLmodel` has them.
        input_example: some rows that it takes, a data frame or an array.
        registered_model_name: the registered model of which it becomes a version; None for none.
    """

    name: str = "model"
    params: Mapping[str, object] | None = None
    tags: Mapping[str, object] | None = None
    model_type: str = ""
    step: int = 0
    signature: Mapping[str, Any] | None = None
    input_example: Any = None
    registered_model_name: str | None = None


def log_model(
    flavor: Flavor, write: Callable[[Path], object], description: ModelDescription
) -> ModelInfo:
    """Store a model as an output of the active run, starting a run if there is none.

    Args:
        flavor: its framework.
        write: writes what the framework reads into a folder.
        description: what is recorded of it.

    Raises:
        InvalidArgument: the name of the registered model breaks its rule.
        RunstreamError: the server refused something, or could not be reached.
        Exception: what `write` raises.
    """
    if description.registered_model_name is not None:
        check_registered_model_name("registered_model_name", description.registered_model_name)
    run = get_or_start_run()
    model_id = new_model_id()
    draft = write_model(
        flavor, write, model_id, run.run_id, description.signature, description.input_example
    )
    version = upload_model(run.client, run.info, model_id, draft, description)
    return ModelInfo(
        model_id,
        f"models:/{model_id}",
        description.name,
        run.run_id,
        draft.flavors,
        version.version if version else None,
    )


def new_model_id() -> str:
    """Return an id for a model; a client chooses it, so that its creation can be sent again."""
    return f"m-{secrets.token_hex(16)}"


def upload_model(
    client: TrackingClient,
    run: RunInfo,
    model_id: str,
    draft: ModelDraft,
    description: ModelDescription,
) -> ModelVersion | None:
    """Create a model, upload its files, and record it as an output of its run.

    If that fails, the model stays, as UPLOAD_FAILED where the server can be told so. The local
    files are removed in any case.

    Returns:
        the version that it was registered as, if it is to be registered.
    """
    try:
        client.create_logged_model(
            run.experiment_id,
            description.name,
            run.run_id,
            description.tags or {},
            description.params or {},
            description.model_type,
            model_id,
        )
        status = "UPLOAD_FAILED"
        try:
            client.log_outputs(run.run_id, [(model_id, description.step)])
            client.upload_folder(model_id, draft.folder)
            status = "READY"
        finally:
            client.finalize_logged_model(model_id, status)
    finally:
        draft.discard()
    if description.registered_model_name is None:
        return None
    return _register(client, model_id, description.registered_model_name)


def _register(client: TrackingClient, model_id: str, name: str) -> ModelVersion:
    try:
        return client.register_model(f"models:/{model_id}", name)
    except RunstreamError as error:
        error.message = (
            f"the model is stored as models:/{model_id}, and not registered as {name!r}: "
            f"{error.message}"
        )
        error.args = (error.message,)
        raise
