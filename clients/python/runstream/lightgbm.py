"""LightGBM: trainings logged by themselves, models stored and loaded."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

from runstream.autologging.lightgbm import LIBRARY, LightgbmSettings
from runstream.autologging.lightgbm.model import lightgbm_flavor, read_model, write_model
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
    registered_model_name: str | None = None,
    extra_tags: Mapping[str, str] | None = None,
) -> None:
    """Log trainings of LightGBM by themselves, whether it is imported already or will be.

    What a call of `lightgbm.train`, or of `fit` of an estimator, logs is in
    docs/autolog.md.

    Args:
        log_input_examples: whether some rows of the data are stored with the model.
        log_model_signatures: whether the columns that the model takes are stored with it.
        log_models: whether trained models are stored.
        log_datasets: whether the data of trainings is recorded as inputs of the run.
        disable: whether to turn it off, and put back what was patched.
        exclusive: whether trainings within an active run of the user are left out.
        disable_for_unsupported_versions: changes nothing; MLflow has it.
        silent: whether nothing is said of what could not be logged.
        registered_model_name: the registered model of which the model of each training becomes a
            version; if None, it is not registered.
        extra_tags: tags of the runs that are started for trainings.

    Raises:
        ModuleNotFoundError: wrapt is not installed: `pip install 'runstream[autolog]'`.
    """
    settings = LightgbmSettings(
        log_input_examples=log_input_examples,
        log_model_signatures=log_model_signatures,
        log_models=log_models,
        log_datasets=log_datasets,
        exclusive=exclusive,
        silent=silent,
        registered_model_name=registered_model_name,
        extra_tags=extra_tags,
    )
    LIBRARY.choose(None if disable else settings)


def log_model(
    lgb_model: Any,
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
        lgb_model: a booster or an estimator.
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
        lightgbm_flavor(lgb_model),
        partial(write_model, lgb_model),
        ModelDescription(
            artifact_path or name,
            params,
            tags,
            model_type,
            step,
            registered_model_name=registered_model_name,
        ),
    )


def load_model(
    model_uri: str | os.PathLike[str], skops_trusted_types: Collection[str] | None = None
) -> Any:
    """Return a booster or an estimator that `log_model`, autologging or MLflow stored.

    Reading a pickle, which an estimator is, runs code that it names: load estimators of people whom
    you trust alone.

    Args:
        model_uri: `models:/MODEL_ID`, `models:/NAME/VERSION`, `models:/NAME@ALIAS`,
            `runs:/RUN_ID/NAME`, or the path of a folder.
        skops_trusted_types: types that may be made of a file of skops, which MLflow writes, besides
            those that skops trusts.

    Raises:
        InvalidArgument: the URI has another form, the model is none of LightGBM, or its description
            is malformed.
        FailedPrecondition: the model is of skops, and has other types.
        NotFound: there is no such model.
    """
    with open_model(model_uri, "lightgbm") as stored:
        return read_model(stored, skops_trusted_types)
