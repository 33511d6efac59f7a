"""XGBoost: trainings logged by themselves, models stored and loaded."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from runstream.autologging.xgboost import LIBRARY, XgboostSettings
from runstream.autologging.xgboost.model import (
    check_format,
    read_model,
    write_model,
    xgboost_flavor,
)
from runstream.models import model_logging
from runstream.models.model_loading import open_model
from runstream.models.model_logging import ModelDescription, ModelInfo

__all__ = ["autolog", "load_model", "log_model"]


def autolog(
    importance_types: Sequence[str] | None = None,
    log_input_examples: bool = False,
    log_model_signatures: bool = True,
    log_models: bool = True,
    log_datasets: bool = True,
    disable: bool = False,
    exclusive: bool = False,
    disable_for_unsupported_versions: bool = False,  # noqa: ARG001 - an argument of MLflow's
    silent: bool = False,
    registered_model_name: str | None = None,
    model_format: str = "ubj",
    extra_tags: Mapping[str, str] | None = None,
) -> None:
    """Log trainings of XGBoost by themselves, whether it is imported already or will be.

    What a call of `xgboost.train`, or of `fit` of an estimator, logs is in
    docs/autolog.md.

    Args:
        importance_types: the kinds of importance of features that are stored: of `weight`, `gain`,
            `cover`, `total_gain` and `total_cover`; the first two, if left out.
        log_input_examples: whether some rows of the data are stored with the model.
        log_model_signatures: whether the columns that the model takes are stored with it.
        log_models: whether trained models are stored.
        log_datasets: whether the data of trainings is recorded as inputs of the run; a DMatrix up
            to 50 million values.
        disable: whether to turn it off, and put back what was patched.
        exclusive: whether trainings within an active run of the user are left out.
        disable_for_unsupported_versions: changes nothing; MLflow has it.
        silent: whether nothing is said of what could not be logged.
        registered_model_name: the registered model of which the model of each training becomes a
            version; if None, it is not registered.
        model_format: `ubj`, `json` or `xgb`.
        extra_tags: tags of the runs that are started for trainings.

    Raises:
        InvalidArgument: the format is another.
        ModuleNotFoundError: wrapt is not installed: `pip install 'runstream[autolog]'`.
    """
    check_format(model_format)
    settings = XgboostSettings(
        log_input_examples=log_input_examples,
        log_model_signatures=log_model_signatures,
        log_models=log_models,
        log_datasets=log_datasets,
        exclusive=exclusive,
        silent=silent,
        registered_model_name=registered_model_name,
        extra_tags=extra_tags,
        model_format=model_format,
        importance_types=tuple(importance_types or XgboostSettings.importance_types),
    )
    LIBRARY.choose(None if disable else settings)


def log_model(
    xgb_model: Any,
    name: str = "model",
    *,
    model_format: str = "ubj",
    params: Mapping[str, object] | None = None,
    tags: Mapping[str, object] | None = None,
    model_type: str = "",
    step: int = 0,
    artifact_path: str | None = None,
    registered_model_name: str | None = None,
) -> ModelInfo:
    """Store a model as a logged model of the active run, starting a run if there is none.

    Args:
        xgb_model: a booster or an estimator.
        name: name of the model, for people and for `runs:/RUN_ID/NAME`.
        model_format: `ubj`, `json` or `xgb`.
        params: params of the model.
        tags: tags of the model.
        model_type: its kind, such as `Classifier`.
        step: the training step after which it was made.
        artifact_path: an older name of `name`.
        registered_model_name: the registered model of which it becomes a version.

    Raises:
        InvalidArgument: an argument breaks its rule.
    """
    check_format(model_format)
    return model_logging.log_model(
        xgboost_flavor(xgb_model, model_format),
        partial(write_model, xgb_model, model_format),
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
    """Return a booster or an estimator that `log_model`, autologging or MLflow stored.

    Args:
        model_uri: `models:/MODEL_ID`, `models:/NAME/VERSION`, `models:/NAME@ALIAS`,
            `runs:/RUN_ID/NAME`, or the path of a folder.

    Raises:
        InvalidArgument: the URI has another form, or the model is none of XGBoost.
        NotFound: there is no such model.
    """
    with open_model(model_uri, "xgboost") as stored:
        return read_model(stored)
