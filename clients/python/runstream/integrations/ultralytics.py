"""Callbacks for the trainings of Ultralytics.

model = YOLO("yolo11n.yaml")
add_callbacks(model)
model.train(...)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ultralytics.utils import RANK

from runstream.integrations.training_run import TrainingRun, open_training_run

# What is uploaded of the folder of a training, besides that of the weights.
_SUFFIXES = {".png", ".jpg", ".csv", ".pt", ".yaml"}


def add_callbacks(
    model: Any,
    experiment_name: str | None = None,
    run_name: str | None = None,
    run_id: str | None = None,
    tags: Mapping[str, object] | None = None,
) -> None:
    """Log the trainings of a model: arguments, learning rates, losses, metrics, plots and weights.

    They go to the active run, or else to a run that starts with each training and ends with it;
    FAILED if the training raises. Of processes that train together, that of rank zero logs.

    Args:
        model: a model of Ultralytics, such as a `YOLO`.
        experiment_name, run_name, run_id, tags: see `open_training_run`. Without a name, a new run
            has that of the training.
    """
    callbacks = _Callbacks((experiment_name, run_id, run_name, tags))
    for event, callback in callbacks.by_event().items():
        model.add_callback(event, callback)


class _Callbacks:
    """The callbacks of one model, of which one training runs at a time."""

    def __init__(self, choice: tuple[Any, ...]) -> None:
        self._choice = choice
        self._training: TrainingRun | None = None

    def by_event(self) -> dict[str, Callable[[Any], None]]:
        """Return the callbacks by the names of Ultralytics' events."""
        return {
            "on_pretrain_routine_end": self._start,
            "on_train_epoch_end": self._log_epoch,
            "on_fit_epoch_end": self._log_metrics,
            "on_train_end": self._finish,
            "teardown": self._end,
        }

    def _start(self, trainer: Any) -> None:
        if RANK > 0:
            return
        self._training = open_training_run(
            *self._choice, name=trainer.args.name or trainer.save_dir.name, ends_failed=True
        )
        self._training.log_params(vars(trainer.args))

    def _log_epoch(self, trainer: Any) -> None:
        self._log(
            trainer,
            lambda: trainer.lr | trainer.label_loss_items(trainer.tloss, prefix="train"),
        )

    def _log_metrics(self, trainer: Any) -> None:
        self._log(trainer, lambda: trainer.metrics)

    def _log(self, trainer: Any, read: Callable[[], Mapping[str, Any]]) -> None:
        training = self._training
        if training is not None:
            training.attempt("logged", lambda: training.log_metrics(_keys(read()), trainer.epoch))

    def _finish(self, trainer: Any) -> None:
        if self._training is not None:
            self._training.attempt("uploaded", _upload, self._training, trainer)
            self._training.end()
            self._training = None

    def _end(self, trainer: Any) -> None:
        """End a training that did not come to its end."""
        if self._training is not None:
            self._training.end("FAILED")
            self._training = None


def _keys(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Return metrics by the keys of MLflow's callback: `mAP50(B)` is `mAP50B`."""
    return {key.replace("(", "").replace(")", ""): value for key, value in metrics.items()}


def _upload(training: TrainingRun, trainer: Any) -> None:
    training.upload(trainer.best.parent)
    for file in sorted(trainer.save_dir.glob("*")):
        if file.suffix in _SUFFIXES:
            training.upload(file)
