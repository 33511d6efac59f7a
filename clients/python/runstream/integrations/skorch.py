"""A callback for the networks of skorch."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from skorch.callbacks import Callback
from skorch.callbacks.logging import filter_log_keys

from runstream.fluent.run_handle import ActiveRun
from runstream.integrations.training_run import TrainingRun, open_training_run

_FILES = ("params.pth", "optimizer.pth", "criterion.pth", "history.json")


class RunstreamLogger(Callback):
    """Logs the history of a network, and its weights at the end.

    It goes to the active run, or else to a run that starts with each training and ends with it.

    Args:
        run: a run of `runstream.start_run`, in place of the active one; it goes on.
        create_artifact: whether params, optimizer, criterion and history are uploaded at the end.
        log_on_batch_end: whether the history of batches is logged.
        log_on_epoch_end: whether the history of epochs is logged.
        batch_suffix: ends the keys of batches; `_batch`, if left out and epochs are logged, too.
        epoch_suffix: ends the keys of epochs; `_epoch`, if left out and batches are logged, too.
        keys_ignored: keys of the history that are not logged.
    """

    def __init__(
        self,
        run: ActiveRun | None = None,
        create_artifact: bool = True,
        log_on_batch_end: bool = False,
        log_on_epoch_end: bool = True,
        batch_suffix: str | None = None,
        epoch_suffix: str | None = None,
        keys_ignored: str | Iterable[str] | None = None,
    ) -> None:
        self.run = run
        self.create_artifact = create_artifact
        self.log_on_batch_end = log_on_batch_end
        self.log_on_epoch_end = log_on_epoch_end
        self.batch_suffix = batch_suffix
        self.epoch_suffix = epoch_suffix
        self.keys_ignored = keys_ignored

    def initialize(self) -> RunstreamLogger:
        """Forget an earlier training."""
        self.training_: TrainingRun | None = None
        ignored = self.keys_ignored or ()
        self.keys_ignored_ = {"batches", *((ignored,) if isinstance(ignored, str) else ignored)}
        return self

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **_: Any) -> None:  # noqa: N803
        """Take the run, or start one."""
        self.batch_count_ = 0
        self.training_ = (
            open_training_run(ends_failed=True)
            if self.run is None
            else TrainingRun(self.run, is_ours=False)
        )

    def on_batch_end(self, net: Any, batch: Any = None, training: Any = None, **_: Any) -> None:
        """Log the history of the batch."""
        if self.log_on_batch_end:
            self.batch_count_ += 1
            self._log(net.history[-1]["batches"][-1], self.batch_count_, self._suffix("batch"))

    def on_epoch_end(
        self,
        net: Any,
        dataset_train: Any = None,
        dataset_valid: Any = None,
        **_: Any,
    ) -> None:
        """Log the history of the epoch."""
        if self.log_on_epoch_end:
            self._log(net.history[-1], len(net.history), self._suffix("epoch"))

    def on_train_end(self, net: Any, X: Any = None, y: Any = None, **_: Any) -> None:  # noqa: N803
        """Upload the files, and end the run if it was started here."""
        if self.training_ is None:
            return
        if self.create_artifact:
            self.training_.attempt("uploaded", self._upload, self.training_, net)
        self.training_.end()

    def _suffix(self, of: str) -> str:
        chosen = self.batch_suffix if of == "batch" else self.epoch_suffix
        if chosen is not None:
            return chosen
        return f"_{of}" if self.log_on_batch_end and self.log_on_epoch_end else ""

    def _log(self, history: Mapping[str, Any], step: int, suffix: str) -> None:
        keys = filter_log_keys(history.keys(), self.keys_ignored_)
        if self.training_ is not None:
            self.training_.log_metrics({key + suffix: history[key] for key in keys}, step)

    def _upload(self, training: TrainingRun, net: Any) -> None:
        with tempfile.TemporaryDirectory(prefix="runstream-") as folder:
            params, optimizer, criterion, history = (Path(folder, name) for name in _FILES)
            net.save_params(
                f_params=params, f_optimizer=optimizer, f_criterion=criterion, f_history=history
            )
            for name in _FILES:
                training.upload(Path(folder, name))
