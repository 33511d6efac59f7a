"""A callback: it logs what a training framework hands over, and never ends the training.

The class has the methods of a callback of Keras; those of other frameworks are of the same kind.

python examples/tracking/in_a_callback.py
"""

import logging
import sys
from typing import Any

import numpy as np

import runstream


class RunstreamCallback:
    """Logs the metrics of each epoch to a run; what cannot be logged is one warning for its key."""

    def __init__(self, run: runstream.ActiveRun) -> None:
        self.run = run

    def on_train_begin(self, settings: dict[str, Any]) -> None:
        self.run.log_params(settings, on_error="skip")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        self.run.log_metrics(logs, step=epoch, on_error="skip")


def train(callback: RunstreamCallback, epochs: int = 5) -> None:
    """Stand in for a framework, whose names and values are not ours to choose."""
    callback.on_train_begin({"epochs": epochs, "schedule": "cosine " * 20_000})
    for epoch in range(epochs):
        loss = np.array([1 / (epoch + 1)], np.float32)
        callback.on_epoch_end(epoch, {"train-error@0.7": loss, "lr": None, "loss//val": 0.5})


logging.basicConfig(stream=sys.stdout, format="warning: %(message).90s")
runstream.set_experiment("callbacks")
with runstream.start_run() as run:
    train(RunstreamCallback(run))

stored = runstream.get_run(run.info.run_id)
print(stored.info.status, stored.data.params, sorted(stored.data.metrics))
