"""Autologging of Transformers: `Trainer.train`, of its subclasses, too, such as those of TRL."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

from runstream.autologging.library import Library
from runstream.autologging.settings import Settings
from runstream.autologging.training import Training
from runstream.autologging.transformers.model import (
    model_parts,
    transformers_flavor,
    write_parts,
)


@dataclass(frozen=True)
class TransformersSettings(Settings):
    """The settings of Transformers.

    Attributes:
        stores_models: whether trained models are stored. As with MLflow, it takes more than
            `runstream.autolog()`: such models can have many gigabytes.
    """

    stores_models: bool = False


def _log_train(training: Training[TransformersSettings]) -> Generator[None, Any, None]:
    from runstream.autologging.transformers.callback import AutologCallback
    from runstream.integrations.transformers import RunstreamCallback

    trainer = training.instance
    trainer.remove_callback(AutologCallback)  # of the training before
    if not any(isinstance(one, RunstreamCallback) for one in trainer.callback_handler.callbacks):
        trainer.add_callback(AutologCallback(training))
    yield
    if training.settings.stores_models:
        tokenizer = getattr(trainer, "processing_class", None) or getattr(
            trainer, "tokenizer", None
        )
        parts = model_parts({"model": trainer.model, "tokenizer": tokenizer})
        training.log_model(transformers_flavor(parts, None), partial(write_parts, parts))


def _patch(module: ModuleType) -> None:
    LIBRARY.wrap_training(
        module.Trainer,
        "train",
        _log_train,
        is_logged=lambda trainer: bool(trainer.args.process_index == 0),
    )


LIBRARY = Library("transformers", TransformersSettings, {"transformers.trainer": _patch})
