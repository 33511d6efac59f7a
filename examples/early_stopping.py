"""Stopping a bad run early: one client trains, another watches and says stop.

Trains the same model at several learning rates, each in a process of its own. Meanwhile this
process watches the experiment, sees the validation loss of one run grow, and sets a tag on it. The
trainer of that run watches its own run for the tag, and ends it.

    python examples/early_stopping.py
"""

from __future__ import annotations

import multiprocessing
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing

import numpy as np

import runstream
from runstream import RunChange, TrackingClient

EPOCHS = 400
LEARNING_RATES = (0.01, 0.1, 0.5, 1.6)  # least squares diverge at the last

STOP = "stop"  # the tag by which a run is told to stop

# A run is bad once its validation loss is so many times its best.
BAD = 3.0


def main() -> int:
    experiment_id = runstream.set_experiment("early stopping").experiment_id
    with TrackingClient() as client, closing(client.watch(experiment_ids=[experiment_id])) as told:
        spawn = multiprocessing.get_context("spawn")
        trainers = [spawn.Process(target=train, args=(rate,)) for rate in LEARNING_RATES]
        for trainer in trainers:
            trainer.start()
        status = follow(client, told)
        for trainer in trainers:
            trainer.join()
        return show(client, status)


def train(rate: float) -> None:
    """Fit a linear model by gradient descent, until it has converged or is told to stop."""
    numbers = np.random.default_rng(0)
    weights = numbers.normal(size=20)
    x, x_val = numbers.normal(size=(400, 20)), numbers.normal(size=(100, 20))
    y, y_val = x @ weights, x_val @ weights
    fitted = np.zeros(20)
    with runstream.start_run(run_name=f"rate {rate}") as run:
        runstream.log_param("learning_rate", rate)
        told_to_stop = threading.Event()
        watching = runstream.watch([run.info.run_id])
        threading.Thread(target=wait_for_stop, args=(watching, told_to_stop), daemon=True).start()
        for epoch in range(EPOCHS):
            fitted -= rate * x.T @ (x @ fitted - y) / len(x)
            runstream.log_metric("val_loss", np.mean((x_val @ fitted - y_val) ** 2), step=epoch)
            time.sleep(0.01)  # a larger model would take its time
            if told_to_stop.is_set():
                run.end("KILLED")
                break


def wait_for_stop(changes: Iterator[RunChange], told_to_stop: threading.Event) -> None:
    """Wait until the run is told to stop, or has ended."""
    for change in changes:
        if STOP in change.tags:
            told_to_stop.set()
        if STOP in change.tags or (change.info and change.info.end_time):
            return


def follow(client: TrackingClient, changes: Iterator[RunChange]) -> dict[str, str]:
    """Stop bad runs; return the status of every run by its id, once all have ended."""
    best: dict[str, float] = defaultdict(lambda: float("inf"))
    stopped: set[str] = set()
    ended: dict[str, str] = {}
    for change in changes:
        run_id = change.run_id
        for metric in change.metrics:
            best[run_id] = min(best[run_id], metric.value)
            if metric.value > BAD * best[run_id] and run_id not in stopped:
                stopped.add(run_id)
                client.log(run_id, tags={STOP: f"val_loss grows at epoch {metric.step}"})
        if change.info is not None and change.info.end_time is not None:
            ended[run_id] = change.info.status
            if len(ended) == len(LEARNING_RATES):
                break
    return ended


def show(client: TrackingClient, status: dict[str, str]) -> int:
    """Print what became of the runs; return 1 if it is not what it should be."""
    as_expected = True
    runs = [client.get_run(run_id) for run_id in status]
    for run in sorted(runs, key=lambda run: float(run.data.params["learning_rate"])):
        epochs = len(client.get_metric_history(run.info.run_id, "val_loss"))
        why = run.data.tags.get(STOP, "")
        print(
            f"{run.info.run_name:9}  {status[run.info.run_id]:8}  {epochs:3} epochs  {why}".rstrip()
        )
        bad = run.data.params["learning_rate"] == str(LEARNING_RATES[-1])
        as_expected &= (epochs < EPOCHS) == bad == (run.info.status == "KILLED")
    if not as_expected:
        print("early_stopping: one run should have been stopped, the last", file=sys.stderr)
    return 0 if as_expected else 1


if __name__ == "__main__":
    raise SystemExit(main())
