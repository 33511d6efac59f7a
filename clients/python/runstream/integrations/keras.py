"""A callback for Keras 3, with any backend."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Protocol

import keras
from keras.callbacks import Callback

from runstream.fluent.active_runs import get_or_start_run
from runstream.integrations.frequency import check_frequency
from runstream.integrations.training_run import TrainingRun

log = logging.getLogger("runstream")


class Destination(Protocol):
    """Where a callback logs to; no method raises an error."""

    def log_metrics(self, metrics: Mapping[str, Any], step: int | None) -> object:
        """Log a point of each metric."""

    def log_params(self, params: Mapping[str, Any]) -> object:
        """Log params."""

    def upload_text(self, text: str, artifact_file: str) -> object:
        """Upload a text."""


class TrainingCallback(Callback):
    """Logs a training: the optimizer, a summary of the model, and metrics.

    Args:
        destination: where it logs to.
        log_every_epoch, log_every_n_steps: see `RunstreamCallback`.
    """

    def __init__(
        self,
        destination: Destination,
        log_every_epoch: bool = True,
        log_every_n_steps: int | None = None,
    ) -> None:
        check_frequency(log_every_epoch, log_every_n_steps)
        super().__init__()
        self._destination = destination
        self._log_every_n_steps = log_every_n_steps
        self._epoch = 0
        self._step = 0  # batches of all epochs
        self._epoch_start = 0  # the batches before this epoch

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Log the optimizer and the summary."""
        try:
            self._log_model()
        except Exception as error:  # a model of the user's may have any optimizer
            log.warning("the model is not logged: %s: %s", type(error).__name__, error)

    def _log_model(self) -> None:
        optimizer = self.model.optimizer
        self._step = int(keras.ops.convert_to_numpy(optimizer.iterations))
        params = {f"optimizer_{key}": value for key, value in optimizer.get_config().items()}
        self._destination.log_params(params)
        lines: list[str] = []
        try:
            self.model.summary(line_length=100, print_fn=lambda text, *_, **__: lines.append(text))
        except ValueError:  # its layers are made with the first batch
            return
        self._destination.upload_text("\n".join(lines), "model_summary.txt")

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Remember where the epoch begins."""
        self._epoch, self._epoch_start = epoch, self._step

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Log the metrics of a batch, if they are wanted; several batches may end together."""
        before, self._step = self._step, self._epoch_start + batch + 1
        every = self._log_every_n_steps
        if every is not None and logs and self._step // every > before // every:
            self._destination.log_metrics(logs, self._step)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Log the metrics of an epoch, if they are wanted."""
        if self._log_every_n_steps is None and logs:
            self._destination.log_metrics(logs, epoch)

    def on_test_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Log the metrics of a validation, as `validation_loss`."""
        step = self._epoch if self._log_every_n_steps is None else self._step
        metrics = {f"validation_{key}": value for key, value in (logs or {}).items()}
        self._destination.log_metrics(metrics, step)


class RunstreamCallback(TrainingCallback):
    """Logs params of the optimizer, a summary of the model as `model_summary.txt`, and metrics.

    Metrics have the names that Keras gives them, as `loss` and `val_loss`. Those of each validation
    are also there as `validation_loss`.

    They go to the run that is active when the callback is made; without one, a run is started, as
    by `runstream.log_metric`.

    Args:
        log_every_epoch: whether metrics are logged at the end of each epoch, whose number is their
            step.
        log_every_n_steps: log metrics of the training each time that so many batches are done,
            whose number is their step; `log_every_epoch` must be False then.

    Raises:
        InvalidArgument: not exactly one of both is chosen.
    """

    def __init__(self, log_every_epoch: bool = True, log_every_n_steps: int | None = None) -> None:
        check_frequency(log_every_epoch, log_every_n_steps)
        training = TrainingRun(get_or_start_run(), is_ours=False)
        super().__init__(training, log_every_epoch, log_every_n_steps)
