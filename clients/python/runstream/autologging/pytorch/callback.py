"""The callback that autologging gives to trainers of PyTorch Lightning.

Lightning pickles it with the trainer if it trains in processes that it spawns.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from shutil import rmtree
from typing import Any

from runstream.autologging.pytorch import checkpoints
from runstream.autologging.pytorch.settings import PytorchSettings
from runstream.autologging.training import Training
from runstream.integrations.lightning import RunstreamLogger
from runstream.integrations.training_run import TrainingRun

_package = "lightning.pytorch" if "lightning.pytorch" in sys.modules else "pytorch_lightning"
_lightning = import_module(_package)
_rank_zero_only = _lightning.utilities.rank_zero_only

# Strategies with which a process has the whole model, so that one alone can store it.
_WHOLE_MODEL = ("SingleDeviceStrategy", "DDPStrategy")


class AutologCallback(_lightning.Callback):  # type: ignore[name-defined]
    """Logs params, metrics and checkpoints, in the process of rank zero.

    Metrics are left to a `RunstreamLogger` of the trainer, which counts them by other steps.
    """

    def __init__(self, training: Training[PytorchSettings]) -> None:
        super().__init__()
        self._training = TrainingRun(
            training.run,
            is_ours=False,
            silent=training.settings.silent,
        )
        self._settings = training.settings
        loggers = training.instance.loggers
        self._logs_metrics = not any(isinstance(one, RunstreamLogger) for one in loggers)
        self._step_metrics: set[str] = set()  # those that are logged after steps
        self._epoch_metrics: set[str] = set()
        self._best: float | None = None

    @_rank_zero_only
    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Log params of the training and of its first optimizer."""
        self._training.attempt("logged", self._log_params, trainer)

    @_rank_zero_only
    def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
        """Log metrics of steps, and store a checkpoint, if it is time to do so."""
        frequency = self._settings.checkpoint_save_freq
        if isinstance(frequency, int) and trainer.global_step % frequency == 0:
            self._training.attempt("uploaded", self._store_checkpoint, trainer)
        if self._logs_metrics and self._settings.log_every_n_step:
            self._training.attempt(
                "logged", self._log_step, trainer, self._settings.log_every_n_step
            )

    @_rank_zero_only
    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Log metrics of the epoch, and store a checkpoint."""
        if self._logs_metrics:
            self._training.attempt("logged", self._log_epoch, trainer)
        if self._settings.checkpoint_save_freq == "epoch":
            self._training.attempt("uploaded", self._store_checkpoint, trainer)

    @_rank_zero_only
    def on_test_end(self, trainer: Any, pl_module: Any) -> None:
        """Log metrics of `trainer.test`."""
        self._training.set_tags({"Mode": "testing"})
        if self._logs_metrics:
            self._log_metrics(trainer.callback_metrics.items(), None)

    def _log_params(self, trainer: Any) -> None:
        self._training.set_tags({"Mode": "training"})
        params = {"epochs": trainer.max_epochs}
        if trainer.optimizers:
            optimizer = getattr(trainer.optimizers[0], "optimizer", trainer.optimizers[0])
            params["optimizer_name"] = type(optimizer).__name__
            params.update(getattr(optimizer, "defaults", {}))
        self._training.log_params(params)

    def _log_step(self, trainer: Any, every: int) -> None:
        metrics = trainer.callback_metrics
        # Of a metric of both steps and epochs, as `loss_step` and `loss`, the former is logged.
        logged = {
            key: value
            for key, value in metrics.items()
            if key not in self._epoch_metrics and f"{key}_step" not in metrics
        }
        self._step_metrics.update(logged)
        steps_of_batch = max(1, len(trainer.optimizers))
        if (trainer.global_step // steps_of_batch + 1) % every == 0:
            self._log_metrics(logged.items(), trainer.global_step)

    def _log_epoch(self, trainer: Any) -> None:
        logged = {
            key: value
            for key, value in trainer.callback_metrics.items()
            if key not in self._step_metrics
        }
        self._epoch_metrics.update(logged)
        if (trainer.current_epoch + 1) % self._settings.log_every_n_epoch == 0:
            self._log_metrics(logged.items(), trainer.current_epoch)

    def _log_metrics(self, metrics: Iterable[tuple[str, Any]], step: int | None) -> None:
        self._training.log_metrics(dict(metrics), step)

    # Checkpoints

    def _store_checkpoint(self, trainer: Any) -> None:
        settings = self._settings
        metrics = {key: float(value) for key, value in trainer.callback_metrics.items()}
        if not settings.checkpoint or type(trainer.strategy).__name__ not in _WHOLE_MODEL:
            return
        if settings.checkpoint_save_best_only and not self._is_best(metrics):
            return
        suffix = ".weights.pth" if settings.checkpoint_save_weights_only else ".pth"
        name, prefix = f"checkpoint{suffix}", ""
        if settings.checkpoint_save_best_only:
            folder, prefix = checkpoints.FOLDER, "latest_"
        elif settings.checkpoint_save_freq == "epoch":
            folder = checkpoints.epoch_folder(trainer.current_epoch)
        else:
            folder = checkpoints.step_folder(trainer.global_step)
        local = Path(tempfile.mkdtemp(prefix="runstream-"))
        checkpoint = trainer._checkpoint_connector.dump_checkpoint(
            settings.checkpoint_save_weights_only
        )
        trainer.strategy.save_checkpoint(checkpoint, local / f"{prefix}{name}")
        self._training.set_tags({checkpoints.LATEST_CHECKPOINT: f"{folder}/{prefix}{name}"})
        about = metrics | {"epoch": trainer.current_epoch, "global_step": trainer.global_step}
        upload = partial(self._upload, local, folder, about, f"{prefix}checkpoint_metrics.json")
        run = self._training.run
        run.client.defer([run.run_id], upload)

    def _upload(
        self, local: Path, folder: str, metrics: Mapping[str, float], metrics_file: str
    ) -> None:
        self._training.upload_dict(metrics, f"{folder}/{metrics_file}")
        for file in local.iterdir():
            self._training.upload(file, folder)
        rmtree(local, ignore_errors=True)

    def _is_best(self, metrics: Mapping[str, float]) -> bool:
        """Return whether no checkpoint was better up to now, as far as it is known."""
        value = metrics.get(self._settings.checkpoint_monitor)
        if value is None:
            return False
        is_lower = self._best is None or value < self._best
        is_higher = self._best is None or value > self._best
        if is_lower if self._settings.checkpoint_mode == "min" else is_higher:
            self._best = value
            return True
        return False
