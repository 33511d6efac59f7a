"""A callback for the learners of fastai."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastai.callback.core import Callback
from fastai.learner import Recorder
from fastai.torch_core import rank_distrib

from runstream.integrations.training_run import TrainingRun, open_training_run


class RunstreamCallback(Callback):
    """Logs params, losses, learning rates and metrics of each `fit`, in the process of rank zero.

    They go to the active run, or else to a run that starts with each `fit` and ends with it. A
    `fit` that raises leaves its run active: it ends as FAILED with the program, or when another
    training begins. What finds a learning rate or makes predictions is not logged.

    Args:
        experiment_name, run_name, run_id, tags: see `open_training_run`.
        log_model: whether the learner is exported and uploaded at the end.
    """

    order = Recorder.order + 1
    remove_on_fetch = True

    def __init__(
        self,
        experiment_name: str | None = None,
        run_name: str | None = None,
        run_id: str | None = None,
        tags: Mapping[str, object] | None = None,
        log_model: bool = False,
    ) -> None:
        self._choice = (experiment_name, run_id, run_name, tags)
        self._log_model = log_model
        self._run: TrainingRun | None = None
        self._step = 0

    def before_fit(self) -> None:
        """Take the run or start one, and log the params."""
        self.run = not hasattr(self.learn, "lr_finder") and rank_distrib() == 0
        if not self.run:
            return
        self._run = open_training_run(*self._choice, ends_failed=True)
        self._step = 0
        self._run.attempt("logged", self._log_params, self._run)

    def after_batch(self) -> None:
        """Log loss and hyperparameters of the optimizer."""
        if self._run is not None and self.training:
            self._step += 1
            self._run.attempt("logged", self._log_batch, self._run)

    def after_epoch(self) -> None:
        """Log the metrics of the epoch."""
        if self._run is not None:
            self._run.attempt("logged", self._log_epoch, self._run)

    def after_fit(self) -> None:
        """Upload the learner, if it is asked for, and end the run if it was started here."""
        if self._run is None:
            return
        run, self._run = self._run, None
        if self._log_model:
            run.attempt("uploaded", self._upload, run)
        run.end()

    def _log_params(self, run: TrainingRun) -> None:
        run.log_params(
            {
                "epochs": self.n_epoch,
                "batch_size": getattr(self.dls, "bs", None),
                "loss_func": _name(self.loss_func),
                "opt_func": _name(self.opt_func),
                "model": type(self.model).__name__,
                "wd": self.wd,
            }
        )

    def _log_batch(self, run: TrainingRun) -> None:
        hypers = {
            f"{name}_{group}": value
            for group, names in enumerate(self.opt.hypers)
            for name, value in names.items()
        }
        metrics = {"train_loss": self.smooth_loss, "raw_loss": self.loss, **hypers}
        run.log_metrics(metrics, self._step)

    def _log_epoch(self, run: TrainingRun) -> None:
        names, values = self.recorder.metric_names, self.recorder.log
        metrics = {
            name: value
            for name, value in zip(names, values, strict=False)
            if name not in ("epoch", "time", "train_loss") and value is not None
        }
        run.log_metrics(metrics, self._step)

    def _upload(self, run: TrainingRun) -> None:
        file = self.learn.path / f"runstream-{run.run.run_id}.pkl"
        self.learn.export(file)
        try:
            run.upload(file, "model")
        finally:
            file.unlink()


def _name(function: Any) -> str:
    return getattr(function, "__name__", None) or type(function).__name__
