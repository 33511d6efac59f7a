"""What a user chooses about autologging of PyTorch Lightning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from runstream.autologging.settings import Settings


@dataclass(frozen=True)
class PytorchSettings(Settings):
    """The settings of PyTorch Lightning.

    Attributes:
        log_every_n_epoch: metrics of epochs are logged after each so many epochs.
        log_every_n_step: metrics of steps are logged after each so many steps; never, if None.
        checkpoint: whether checkpoints are stored during the training.
        checkpoint_monitor: the metric that says which checkpoint is the best.
        checkpoint_mode: whether the best one has the lowest or the highest value of it.
        checkpoint_save_best_only: whether a checkpoint is stored only if it is the best so far, in
            place of the one before.
        checkpoint_save_weights_only: whether the states of optimizers are left out.
        checkpoint_save_freq: `epoch`, or the number of steps between two checkpoints.
    """

    log_every_n_epoch: int = 1
    log_every_n_step: int | None = None
    checkpoint: bool = True
    checkpoint_monitor: str = "val_loss"
    checkpoint_mode: Literal["min", "max"] = "min"
    checkpoint_save_best_only: bool = True
    checkpoint_save_weights_only: bool = False
    checkpoint_save_freq: Literal["epoch"] | int = "epoch"
