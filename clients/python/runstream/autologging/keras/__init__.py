"""Autologging of Keras 3: the method `fit` of its models, with any backend.

`model` has the files of a model.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

from runstream.autologging.datasets import describe
from runstream.autologging.keras.model import keras_flavor, keras_signature, write_model
from runstream.autologging.library import Library
from runstream.autologging.settings import Settings
from runstream.autologging.signatures import sample_rows
from runstream.autologging.training import Training
from runstream.models.model_logging import ModelDescription

# Arguments of `fit` that are no params.
_UNLOGGED = {"x", "y", "callbacks", "validation_data", "verbose", "sample_weight"}

# Attributes of EarlyStopping that are params.
_EARLY_STOPPING = ("monitor", "min_delta", "patience", "baseline", "restore_best_weights")

# Rows of a batch of arrays, unless `fit` is told another number.
_BATCH_SIZE = 32


@dataclass(frozen=True)
class KerasSettings(Settings):
    """The settings of Keras.

    Attributes:
        log_every_epoch: whether metrics are logged at the end of each epoch.
        log_every_n_steps: each time that so many batches are done, they are logged instead.
    """

    log_every_epoch: bool = True
    log_every_n_steps: int | None = None


class _Destination:
    """The run of a training, for the callback."""

    def __init__(self, training: Training[Any]) -> None:
        self._training = training

    def log_metrics(self, metrics: Mapping[str, Any], step: int | None) -> None:
        log_metrics = self._training.run.log_metrics
        self._training.attempt(log_metrics, metrics, step, on_error="skip")

    def log_params(self, params: Mapping[str, Any]) -> None:
        self._training.attempt(self._training.log_params, params)

    def upload_text(self, text: str, artifact_file: str) -> None:
        run = self._training.run
        self._training.defer(run.client.log_text, run.run_id, text, artifact_file)


def _log_fit(training: Training[KerasSettings]) -> Generator[None, Any, None]:
    from runstream.integrations.keras import TrainingCallback

    settings, model = training.settings, training.instance
    callbacks = _callbacks(training)
    stopping = _early_stopping(callbacks)
    params = {k: v for k, v in training.arguments().items() if k not in _UNLOGGED}
    params["batch_size"] = _batch_size(training)
    if stopping is not None:
        params |= {name: getattr(stopping, name) for name in _EARLY_STOPPING}
    training.log_params(params)
    training.attempt(_log_datasets, training)
    if not any(isinstance(callback, TrainingCallback) for callback in callbacks):
        callback = TrainingCallback(
            _Destination(training), settings.log_every_epoch, settings.log_every_n_steps
        )
        training.replace_argument("callbacks", [*callbacks, callback])
    history = yield
    training.attempt(_log_model, training, model)
    if stopping is not None:
        training.attempt(_log_early_stop, training, stopping, history)


def _callbacks(training: Training[Any]) -> list[Any]:
    given = training.argument("callbacks") or []
    if hasattr(given, "set_model") and hasattr(given, "append"):
        raise TypeError("callbacks are a CallbackList of the user's, to which none can be added")
    return list(given) if isinstance(given, (list, tuple)) else [given]


def _early_stopping(callbacks: list[Any]) -> Any:
    from keras.callbacks import EarlyStopping

    return next((callback for callback in callbacks if isinstance(callback, EarlyStopping)), None)


def _batch_size(training: Training[Any]) -> object:
    given, data = training.argument("batch_size"), training.argument("x")
    if given is not None:
        return given
    for name in ("batch_size", "_batch_size"):  # of PyTorch, and of TensorFlow
        if getattr(data, name, None) is not None:
            return int(getattr(data, name))
    return _BATCH_SIZE if hasattr(data, "shape") else None


def _log_datasets(training: Training[Any]) -> None:
    if not training.settings.log_datasets:
        return
    validation = training.argument("validation_data")
    pairs = [("train", training.argument("x"), training.argument("y"))]
    if isinstance(validation, (list, tuple)):
        pairs.append(("eval", validation[0], validation[1]))
    for context, features, targets in pairs:
        dataset = describe(features, targets)
        if dataset is not None:
            training.log_dataset(dataset, context)


def _log_model(training: Training[KerasSettings], model: Any) -> None:
    settings = training.settings
    signature = example = None
    if settings.log_model_signatures:
        signature = training.attempt(keras_signature, model)
    if settings.log_input_examples:
        example = training.attempt(sample_rows, training.argument("x"))
    description = ModelDescription(signature=signature, input_example=example)
    training.log_model(keras_flavor(), partial(write_model, model), description)


def _log_early_stop(training: Training[Any], stopping: Any, history: Any) -> None:
    """Log where the training stopped and, if the best weights were put back, of which epoch."""
    if not stopping.model.stop_training:
        return
    stopped = stopping.stopped_epoch
    training.run.log_metrics({"stopped_epoch": stopped})
    if not stopping.restore_best_weights or stopping.best_weights is None:
        return
    restored = stopping.best_epoch
    training.run.log_metrics({"restored_epoch": restored})
    index = history.epoch.index(restored)
    metrics = {key: values[index] for key, values in history.history.items()}
    training.run.log_metrics(metrics, step=stopped + 1, on_error="skip")


def _patch(module: ModuleType) -> None:
    LIBRARY.wrap_training(module.Model, "fit", _log_fit)


LIBRARY = Library("keras", KerasSettings, {"keras": _patch})
