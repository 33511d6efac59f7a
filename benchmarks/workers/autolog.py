"""Trains small models under autologging of Runstream or of MLflow, or of neither."""

from __future__ import annotations

import importlib
import time
from typing import Any

from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeClassifier

from benchmarks.workers.job import main


def fits(uri: str, library: str, count: int) -> list[float]:
    """Return the seconds of a number of fits, and those until all is at the server.

    Args:
        uri: the server.
        library: `runstream` or `mlflow`; nothing is logged, if empty.
        count: how many models are trained, a regressor and a classifier in turn.
    """
    kinds = [(LinearRegression, load_diabetes), (DecisionTreeClassifier, load_iris)]
    work = [(kind, *load(return_X_y=True)) for kind, load in kinds]
    logging: Any = None
    if library:
        logging = importlib.import_module(library)
        logging.set_tracking_uri(uri)
        logging.sklearn.autolog(silent=True)
    _train(work, 2)  # what is imported and opened once
    if library:
        logging.last_active_run()
    start = time.perf_counter()
    _train(work, count)
    trained = time.perf_counter()
    if library:
        logging.search_runs(max_results=1)  # waits for what is under way
    return [trained - start, time.perf_counter() - start]


def _train(work: list[Any], count: int) -> None:
    for number in range(count):
        kind, data, target = work[number % len(work)]
        kind().fit(data, target)


if __name__ == "__main__":
    main({"fits": fits})
