"""PyTorch: trainings of PyTorch Lightning logged by themselves, and modules stored and loaded."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any, Literal

from runstream.autologging.pytorch import LIBRARY
from runstream.autologging.pytorch.checkpoints import download_checkpoint
from runstream.autologging.pytorch.model import pytorch_flavor, read_module, write_module
from runstream.autologging.pytorch.settings import PytorchSettings
from runstream.errors import InvalidArgument
from runstream.models import model_logging
from runstream.models.model_loading import open_model
from runstream.models.model_logging import ModelDescription, ModelInfo

__all__ = ["autolog", "load_checkpoint", "load_model", "log_model"]


def autolog(
    log_every_n_epoch: int = 1,
    log_every_n_step: int | None = None,
    log_models: bool = True,
    log_datasets: bool = True,
    disable: bool = False,
    exclusive: bool = False,
    disable_for_unsupported_versions: bool = False,  # noqa: ARG001 - an argument of MLflow's
    silent: bool = False,
    registered_model_name: str | None = None,
    extra_tags: Mapping[str, str] | None = None,
    checkpoint: bool = True,
    checkpoint_monitor: str = "val_loss",
    checkpoint_mode: Literal["min", "max"] = "min",
    checkpoint_save_best_only: bool = True,
    checkpoint_save_weights_only: bool = False,
    checkpoint_save_freq: Literal["epoch"] | int = "epoch",
) -> None:
    """Log `Trainer.fit` of PyTorch Lightning by itself, imported already or later.

    Logged are the number of epochs, the first optimizer and what it was made with, the settings of
    EarlyStopping and where it stopped, the metrics that the model logs, a summary of its layers,
    checkpoints and the trained model. Of processes that train together, that of rank zero logs.

    Args:
        log_every_n_epoch: metrics of epochs are logged after each so many epochs.
        log_every_n_step: metrics of steps are logged after each so many steps; never, if None.
        log_models: whether the trained model is stored.
        log_datasets: changes nothing, since a loader does not tell where its data comes from.
        disable: whether to turn it off, and put back what was patched.
        exclusive: whether trainings within an active run of the user are left out.
        disable_for_unsupported_versions: changes nothing; MLflow has it.
        silent: whether nothing is said of what could not be logged.
        registered_model_name: the registered model of which the model of each training becomes a
            version; if None, it is not registered.
        extra_tags: tags of the runs that are started for trainings.
        checkpoint: whether checkpoints are stored during the training, in `checkpoints`.
        checkpoint_monitor: the metric that says which checkpoint is the best.
        checkpoint_mode: whether the best one has the lowest or the highest value of it.
        checkpoint_save_best_only: whether a checkpoint is stored only if it is the best so far, in
            place of the one before.
        checkpoint_save_weights_only: whether the states of optimizers are left out.
        checkpoint_save_freq: `epoch`, or the number of steps between two checkpoints.

    Raises:
        InvalidArgument: a number is not positive, or the mode is neither `min` nor `max`.
        ModuleNotFoundError: wrapt is not installed: `pip install 'runstream[autolog]'`.
    """
    _check_positive("log_every_n_epoch", log_every_n_epoch)
    if log_every_n_step is not None:
        _check_positive("log_every_n_step", log_every_n_step)
    if checkpoint_save_freq != "epoch":
        _check_positive("checkpoint_save_freq", checkpoint_save_freq)
    if checkpoint_mode not in ("min", "max"):
        raise _invalid("checkpoint_mode", checkpoint_mode, "min or max")
    settings = PytorchSettings(
        log_models=log_models,
        log_datasets=log_datasets,
        exclusive=exclusive,
        silent=silent,
        registered_model_name=registered_model_name,
        extra_tags=extra_tags,
        log_every_n_epoch=log_every_n_epoch,
        log_every_n_step=log_every_n_step,
        checkpoint=checkpoint,
        checkpoint_monitor=checkpoint_monitor,
        checkpoint_mode=checkpoint_mode,
        checkpoint_save_best_only=checkpoint_save_best_only,
        checkpoint_save_weights_only=checkpoint_save_weights_only,
        checkpoint_save_freq=checkpoint_save_freq,
    )
    LIBRARY.choose(None if disable else settings)


def log_model(
    pytorch_model: Any,
    name: str = "model",
    *,
    params: Mapping[str, object] | None = None,
    tags: Mapping[str, object] | None = None,
    model_type: str = "",
    step: int = 0,
    artifact_path: str | None = None,
    registered_model_name: str | None = None,
) -> ModelInfo:
    """Store a module as a logged model of the active run, starting a run if there is none.

    It is a pickle of `torch.save`, with the versions of the packages that it needs. If cloudpickle
    is installed, a class of the main program is stored with it.

    Args:
        pytorch_model: the module.
        name: name of the model, for people and for `runs:/RUN_ID/NAME`.
        params: params of the model.
        tags: tags of the model.
        model_type: its kind, such as `Classifier`.
        step: the training step after which it was made.
        artifact_path: an older name of `name`.
        registered_model_name: the registered model of which it becomes a version.

    Raises:
        InvalidArgument: an argument breaks its rule.
        pickle.PicklingError: it cannot be pickled.
    """
    description = ModelDescription(
        artifact_path or name,
        params,
        tags,
        model_type,
        step,
        registered_model_name=registered_model_name,
    )
    return model_logging.log_model(
        pytorch_flavor(), partial(write_module, pytorch_model), description
    )


def load_model(model_uri: str | os.PathLike[str], device: Any = None) -> Any:
    """Return a module that `log_model`, autologging or MLflow stored, in its mode of evaluation.

    Reading a pickle runs code that it names: load models of people whom you trust alone.

    Args:
        model_uri: `models:/MODEL_ID`, `models:/NAME/VERSION`, `models:/NAME@ALIAS`,
            `runs:/RUN_ID/NAME`, or the path of a folder.
        device: where its weights are put; where they were, if left out and there is a GPU, or else
            the processor.

    Raises:
        InvalidArgument: the URI has another form, or the model is none of PyTorch.
        NotFound: there is no such model.
    """
    with open_model(model_uri, "pytorch") as stored:
        return read_module(stored, device)


def load_checkpoint(
    model_class: Any,
    run_id: str | None = None,
    epoch: int | None = None,
    global_step: int | None = None,
    kwargs: Mapping[str, Any] | None = None,
) -> Any:
    """Return a module of Lightning as it is in a checkpoint that autologging stored.

    Reading a checkpoint may run code that it names: load those of people whom you trust alone.

    Args:
        model_class: the class of the module, a `LightningModule`.
        run_id: the run of the training; the active run, if left out.
        epoch: the epoch, if a checkpoint was stored after each; the one that was stored last, if
            neither this nor `global_step` is given.
        global_step: the step, if a checkpoint was stored after each so many steps.
        kwargs: arguments of `model_class.load_from_checkpoint`, such as those of its constructor.

    Raises:
        InvalidArgument: both an epoch and a step are given, or neither a run nor an active one.
        NotFound: there is no such run or checkpoint.
    """
    with TemporaryDirectory(prefix="runstream-") as target:
        file = download_checkpoint(run_id, epoch, global_step, target)
        return model_class.load_from_checkpoint(file, **(kwargs or {}))


def _check_positive(field: str, value: object) -> None:
    if not isinstance(value, int) or value < 1:
        raise _invalid(field, value, "a whole number of 1 or more")


def _invalid(field: str, value: object, limit: str) -> InvalidArgument:
    return InvalidArgument(
        f"Invalid value {str(value)[:100]!r} for parameter {field!r} supplied: it must be {limit}",
        reason="OUT_OF_RANGE",
        field=field,
        value=str(value)[:100],
        limit=limit,
    )
