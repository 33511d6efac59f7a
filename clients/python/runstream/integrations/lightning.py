"""A logger for PyTorch Lightning, of `lightning.pytorch` and of `pytorch_lightning`.

The logger is one of that package of the two which the program has imported before.
"""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal

from runstream.calls.client import TrackingClient
from runstream.fluent.run_handle import ActiveRun
from runstream.integrations.training_run import TrainingRun, open_training_run
from runstream.process.exit_status import run_status

_PACKAGES = ("lightning.pytorch", "pytorch_lightning")
_imported = [package for package in _PACKAGES if package in sys.modules]
_lightning = (_imported or _PACKAGES[0 if find_spec("lightning") else 1 :])[0]
_base = import_module(f"{_lightning}.loggers.logger")
rank_zero_only = import_module(f"{_lightning}.utilities").rank_zero_only

# What is stored of the callback that saved a checkpoint.
_SETTINGS = ["monitor", "mode", "save_last", "save_top_k", "save_weights_only"]
_SETTINGS += ["_every_n_train_steps", "_every_n_epochs"]


class RunstreamLogger(_base.Logger):  # type: ignore[name-defined]
    """Logs hyperparameters, metrics and checkpoints of trainings, in the process of rank zero.

    They go to the active run, or else to a run that starts at the first use and ends with each call
    of the trainer, as it ends. What the next call logs, as `trainer.test`, goes to the same run.

    Args:
        experiment_name, run_name, run_id, tags: see `open_training_run`.
        log_model: which checkpoints of `ModelCheckpoint` are uploaded: with True those that there
            are at the end, with `all`, or if all are kept, each one when it is saved.
        prefix: put before the key of each metric, with `-` between them.
    """

    def __init__(
        self,
        experiment_name: str | None = None,
        run_name: str | None = None,
        run_id: str | None = None,
        tags: Mapping[str, object] | None = None,
        log_model: Literal["all"] | bool = False,
        prefix: str = "",
    ) -> None:
        super().__init__()
        self._choice = (experiment_name, run_id, run_name, tags)
        self._log_model = log_model
        self._prefix = f"{prefix}-" if prefix else ""
        self._training: TrainingRun | None = None
        self._checkpoint_callbacks: list[Any] = []  # whose checkpoints are uploaded at the end
        self._uploaded: dict[str, float] = {}  # checkpoints, and when they were written

    @property
    @_base.rank_zero_experiment
    def experiment(self) -> TrackingClient:
        """The client of the server, for what else is to be logged to the run `run_id`."""
        return self._open().run.client

    @property
    def run(self) -> ActiveRun | None:
        """The run; None in processes of another rank than zero."""
        return self._open().run if rank_zero_only.rank == 0 else None

    @property
    def run_id(self) -> str | None:
        """The id of the run; None in processes of another rank than zero."""
        return self.run.run_id if self.run else None

    @property
    def name(self) -> str | None:
        """The id of the experiment, a part of the path of checkpoints."""
        return self.run.info.experiment_id if self.run else None

    version = run_id  # the next part of that path

    @rank_zero_only
    def log_hyperparams(self, params: Mapping[str, Any] | Namespace | None, *_: Any) -> None:
        """Log params; the keys of nested dictionaries are joined by `/`."""
        self._open().log_nested_params(params or {})

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log a point of each metric."""
        if self._prefix:
            metrics = {self._prefix + key: value for key, value in metrics.items()}
        self._open().log_metrics(metrics, step)

    @rank_zero_only
    def after_save_checkpoint(self, checkpoint_callback: Any) -> None:
        """Upload new checkpoints, or remember to do so at the end."""
        keeps_all = getattr(checkpoint_callback, "save_top_k", None) == -1
        if self._log_model == "all" or (self._log_model and keeps_all):
            self._open().attempt("uploaded", self._upload_checkpoints, checkpoint_callback)
        elif self._log_model and checkpoint_callback not in self._checkpoint_callbacks:
            self._checkpoint_callbacks.append(checkpoint_callback)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Upload checkpoints, and end the run if it was started here."""
        for callback in self._checkpoint_callbacks:
            self._open().attempt("uploaded", self._upload_checkpoints, callback)
        error = None if status in ("success", "finished") else sys.exc_info()[1] or Exception()
        if self._training is not None:
            self._training.end(run_status(error))

    def _open(self) -> TrainingRun:
        if self._training is None:
            self._training = open_training_run(*self._choice)
        return self._training

    def _upload_checkpoints(self, callback: Any) -> None:
        scores = {callback.last_model_path: callback.current_score, **callback.best_k_models}
        scores[callback.best_model_path] = callback.best_model_score
        written = {path: os.path.getmtime(path) for path in scores if os.path.exists(path)}
        for path in sorted(written, key=written.__getitem__):
            is_new = self._uploaded.get(path) != written[path]
            if is_new and self._upload(path, scores[path], callback):
                self._uploaded[path] = written[path]

    def _upload(self, path: str, score: Any, callback: Any) -> bool:
        """Upload a checkpoint into a folder of its name, with its score and settings."""
        training, folder = self._open(), os.path.splitext(os.path.basename(path))[0]
        aliases = ["latest", "best"] if path == callback.best_model_path else ["latest"]
        metadata = {
            "score": None if score is None else float(score),
            "original_filename": os.path.basename(path),
            "Checkpoint": {name: getattr(callback, name, None) for name in _SETTINGS},
        }
        training.upload_dict(metadata, f"{folder}/metadata.yaml")
        training.upload_text(str(aliases), f"{folder}/aliases.txt")
        return training.upload(path, folder)
