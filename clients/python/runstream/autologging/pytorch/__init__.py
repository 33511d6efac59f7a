"""Autologging of PyTorch Lightning: `Trainer.fit` of both packages that have it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from functools import partial
from types import ModuleType
from typing import Any
from weakref import WeakKeyDictionary

from runstream.autologging.library import Library
from runstream.autologging.pytorch.model import pytorch_flavor, write_module
from runstream.autologging.pytorch.settings import PytorchSettings
from runstream.autologging.training import Training

# The callback of the last training of each trainer, which has it in a training and a test alone.
_callbacks: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()

_EARLY_STOPPING_PARAMS = ("monitor", "mode", "patience", "min_delta", "stopped_epoch")


def _log_fit(training: Training[PytorchSettings]) -> Generator[None, Any, None]:
    from runstream.autologging.pytorch.callback import AutologCallback

    trainer = training.instance
    early_stopping = next(
        (one for one in trainer.callbacks if hasattr(one, "stopped_epoch")),
        None,
    )
    if early_stopping is not None:
        training.log_params(
            {name: getattr(early_stopping, name) for name in _EARLY_STOPPING_PARAMS}
        )
    callback = _callbacks[trainer] = AutologCallback(training)
    trainer.callbacks.append(callback)
    try:
        yield
    finally:
        _remove(trainer, callback)
    if early_stopping is not None:
        _log_early_stopping(training, early_stopping, trainer.checkpoint_callback)
    module = trainer.lightning_module
    training.defer(
        training.run.client.log_text, training.run.run_id, _summary(module), "model_summary.txt"
    )
    training.log_model(pytorch_flavor(), partial(write_module, module))


def _test(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Log the metrics of a test of a trainer to the run of its last training."""
    trainer: Any = args[0] if args else None
    callback = _callbacks.get(trainer)
    if callback is None or LIBRARY.settings is None or callback in trainer.callbacks:
        return function(*args, **kwargs)
    trainer.callbacks.append(callback)
    try:
        return function(*args, **kwargs)
    finally:
        _remove(trainer, callback)


def _remove(trainer: Any, callback: Any) -> None:
    trainer.callbacks = [one for one in trainer.callbacks if one is not callback]


def _log_early_stopping(
    training: Training[PytorchSettings], early_stopping: Any, checkpoint_callback: Any
) -> None:
    """Log where the training was stopped, and the checkpoint of its best epoch."""
    stopped = early_stopping.stopped_epoch
    if stopped == 0:  # it was not
        return
    training.log_metrics(
        {
            "stopped_epoch": stopped,
            "restored_epoch": stopped - max(1, early_stopping.patience),
            "best_score": float(early_stopping.best_score),
            "wait_count": early_stopping.wait_count,
        }
    )
    path = getattr(checkpoint_callback, "best_model_path", "")
    if path and training.settings.log_models:
        log_artifact = training.run.client.log_artifact
        training.defer(log_artifact, training.run.run_id, path, "restored_model_checkpoint")


def _summary(module: Any) -> str:
    """Return the layers of a model with the number of their weights."""
    package = sys.modules[type(module.trainer).__module__.partition(".trainer")[0]]
    return str(package.utilities.model_summary.ModelSummary(module, max_depth=-1))


def _patch(module: ModuleType) -> None:
    rank_zero_only = module.utilities.rank_zero_only
    LIBRARY.wrap_training(
        module.Trainer, "fit", _log_fit, is_logged=lambda _: bool(rank_zero_only.rank == 0)
    )
    LIBRARY.wrap(module.Trainer, "test", _test)


LIBRARY = Library(
    "pytorch", PytorchSettings, {"lightning.pytorch": _patch, "pytorch_lightning": _patch}
)
