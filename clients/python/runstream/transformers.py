"""Transformers: trainings logged by themselves, and models stored and loaded."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

from runstream.autologging.transformers import LIBRARY, TransformersSettings
from runstream.autologging.transformers.model import (
    model_parts,
    read_parts,
    transformers_flavor,
    write_parts,
)
from runstream.errors import InvalidArgument
from runstream.models import model_logging
from runstream.models.model_loading import open_model
from runstream.models.model_logging import ModelDescription, ModelInfo

__all__ = ["autolog", "load_model", "log_model"]


def autolog(
    log_input_examples: bool = False,
    log_model_signatures: bool = False,
    log_models: bool = False,
    log_datasets: bool = False,
    disable: bool = False,
    exclusive: bool = False,
    disable_for_unsupported_versions: bool = False,  # noqa: ARG001 - an argument of MLflow's
    silent: bool = False,
    extra_tags: Mapping[str, str] | None = None,
) -> None:
    """Log `Trainer.train` of Transformers and of TRL's trainers, imported already or later.

    Logged is what the `RunstreamCallback` of `runstream.integrations.transformers` logs: the
    configuration of the model, the training arguments, and whatever the trainer logs. Of processes
    that train together, that of rank zero logs.

    Args:
        log_input_examples: changes nothing, as with MLflow.
        log_model_signatures: changes nothing, as with MLflow.
        log_models: whether the trained model is stored, with its tokenizer.
        log_datasets: changes nothing, as with MLflow.
        disable: whether to turn it off, and put back what was patched.
        exclusive: whether trainings within an active run of the user are left out.
        disable_for_unsupported_versions: changes nothing; MLflow has it.
        silent: whether nothing is said of what could not be logged.
        extra_tags: tags of the runs that are started for trainings.

    Raises:
        ModuleNotFoundError: wrapt is not installed: `pip install 'runstream[autolog]'`.
    """
    settings = TransformersSettings(
        log_input_examples=log_input_examples,
        log_model_signatures=log_model_signatures,
        log_models=log_models,
        log_datasets=log_datasets,
        exclusive=exclusive,
        silent=silent,
        extra_tags=extra_tags,
        stores_models=log_models,
    )
    LIBRARY.choose(None if disable else settings)


def log_model(
    transformers_model: Any,
    name: str = "model",
    *,
    task: str | None = None,
    params: Mapping[str, object] | None = None,
    tags: Mapping[str, object] | None = None,
    model_type: str = "",
    step: int = 0,
    artifact_path: str | None = None,
    registered_model_name: str | None = None,
) -> ModelInfo:
    """Store a model as a logged model of the active run, starting a run if there is none.

    Args:
        transformers_model: a pipeline, a model, or a dictionary of `model` and any of `tokenizer`,
            `feature_extractor`, `image_processor` and `processor`.
        name: name of the model, for people and for `runs:/RUN_ID/NAME`.
        task: what a pipeline of it does, such as `text-classification`; that of the pipeline, if it
            is one.
        params: params of the model.
        tags: tags of the model.
        model_type: its kind, such as `Classifier`.
        step: the training step after which it was made.
        artifact_path: an older name of `name`.
        registered_model_name: the registered model of which it becomes a version.

    Raises:
        InvalidArgument: an argument breaks its rule.
    """
    parts = model_parts(transformers_model)
    flavor = transformers_flavor(parts, task or getattr(transformers_model, "task", None))
    description = ModelDescription(
        artifact_path or name,
        params,
        tags,
        model_type,
        step,
        registered_model_name=registered_model_name,
    )
    return model_logging.log_model(flavor, partial(write_parts, parts), description)


def load_model(
    model_uri: str | os.PathLike[str],
    return_type: Literal["pipeline", "components"] = "pipeline",
    **kwargs: Any,
) -> Any:
    """Return a model that `log_model`, autologging or MLflow stored.

    Args:
        model_uri: `models:/MODEL_ID`, `models:/NAME/VERSION`, `models:/NAME@ALIAS`,
            `runs:/RUN_ID/NAME`, or the path of a folder.
        return_type: `pipeline`, or `components` for a dictionary of the model and its tokenizer and
            kin, which is what there is of a model without a task.
        kwargs: further arguments of the pipeline.

    Raises:
        InvalidArgument: the URI has another form, the model is none of Transformers, or a pipeline
            is asked for and the model has no task.
        NotFound: there is no such model.
    """
    with open_model(model_uri, "transformers") as stored:
        task = stored.text("task")
        if return_type == "pipeline" and not task:
            raise InvalidArgument(
                f"the model {model_uri} has no task of which a pipeline could be made: "
                "load it with return_type='components'",
                reason="MODEL_WITHOUT_TASK",
                field="return_type",
                value=return_type,
                limit="components",
            )
        parts = read_parts(stored)
    if return_type == "components":
        return parts
    from transformers import pipeline

    return pipeline(task, **parts, **kwargs)
