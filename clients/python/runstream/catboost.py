"""CatBoost: trainings logged by themselves, models stored and loaded."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from typing import Any

from runstream.autologging.catboost import LIBRARY, CatboostSettings
from runstream.autologging.catboost.model import catboost_flavor, read_model, write_model
from runstream.models import model_logging
from runstream.models.model_loading import open_model
from runstream.models.model_logging import ModelDescription, ModelInfo

__all__ = ["autolog", "load_model", "log_model"]


def autolog(
    log_input_examples: bool = False,
    log_model_signatures: bool = True,
    log_models: bool = True,
    log_datasets: bool = True,
    disable: bool = False,
    exclusive: bool = False,
    disable_for_unsupported_versions: bool = False,  # noqa: ARG001 - an argument of MLflow's
    silent: bool = False,
    extra_tags: Mapping[str, str] | None = None,
) -> None:
    """Log trainings of CatBoost by themselves, whether it is imported already or will be.

    What a call of `fit` logs is said in docs/autolog.md.

    Args:
        log_input_examples: whether some rows of the data are stored with the model.
        log_model_signatures: whether the columns that the model takes are stored with it.
        log_models: whether trained models are stored.
        log_datasets: whether the data of trainings is recorded as inputs of the run.
        disable: whether to turn it off, and put back what was patched.
        exclusive: whether trainings within an active run of the user are left out.
        disable_for_unsupported_versions: changes nothing; MLflow has it.
        silent: whether nothing is said of what could not be logged.
        extra_tags: tags of the runs that are started for trainings.

    Raises:
        ModuleNotFoundError: wrapt is not installed: `pip install 'runstream[autolog]'`.
    """
    settings = CatboostSettings(
        log_input_examples=log_input_examples,
        log_model_signatures=log_model_signatures,
        log_models=log_models,
        log_datasets=log_datasets,
        exclusive=exclusive,
        silent=silent,
        extra_tags=extra_tags,
    )
    LIBRARY.choose(None if disable else settings)


def log_model(
    cb_model: Any,
    name: str = "model",
    *,
    params: Mapping[str, object] | None = None,
    tags: Mapping[str, object] | None = None,
    model_type: str = "",
    step: int = 0,
    artifact_path: str | None = None,
    registered_model_name: str | None = None,
) -> ModelInfo:
    """Store a model as a logged model of the active run, starting a run if there is none.

    Args:
        cb_model: the model.
        name: name of the model, for people and for `runs:/RUN_ID/NAME`.
        params: params of the model.
        tags: tags of the model.
        model_type: its kind, such as `Classifier`.
        step: the training step after which it was made.
        artifact_path: an older name of `name`.
        registered_model_name: the registered model of which it becomes a version.

    Raises:
        InvalidArgument: an argument breaks its rule.
    """
    return model_logging.log_model(
        catboost_flavor(cb_model),
        partial(write_model, cb_model),
        ModelDescription(
            artifact_path or name,
            params,
            tags,
            model_type,
            step,
            registered_model_name=registered_model_name,
        ),
    )


def load_model(model_uri: str | os.PathLike[str]) -> Any:
    """Return a model that `log_model`, autologging or MLflow stored.

    Args:
        model_uri: `models:/MODEL_ID`, `models:/NAME/VERSION`, `models:/NAME@ALIAS`,
            `runs:/RUN_ID/NAME`, or the path of a folder.

    Raises:
        InvalidArgument: the URI has another form, or the model is none of CatBoost.
        NotFound: there is no such model.
    """
    with open_model(model_uri, "catboost") as stored:
        return read_model(stored)
