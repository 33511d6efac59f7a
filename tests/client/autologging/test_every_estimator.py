"""Every estimator of scikit-learn gives the same with autologging and without, to the bit."""

from __future__ import annotations

import inspect
import logging
import warnings
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.base import ClassifierMixin, RegressorMixin, is_regressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.utils import all_estimators

import runstream
from runstream.autologging.sklearn import fitting

# Times differ from call to call, and trees of neighbours count their queries.
_TIMES = ("cv_results_", "refit_time_")
_COUNTING = ("KDTree", "BallTree")

# The tests of so many parts of all estimators take some seconds each.
_PARTS = 6

# Arguments without which an estimator cannot be made.
_REQUIRED = {
    "estimator": LogisticRegression(),
    "estimators": [("one", Ridge()), ("two", Ridge(alpha=2))],
    "steps": [("model", Ridge())],
    "transformers": [("one", "passthrough", [0])],
    "transformer_list": [("one", "passthrough")],
    "param_grid": {"C": [0.5, 1.0]},
    "param_distributions": {"C": [0.5, 1.0]},
    "base_estimator": LogisticRegression(),
    "dictionary": np.eye(4),
    "n_nonzero_coefs": 2,
}


def make(estimator_class: type) -> Any:
    parameters = inspect.signature(estimator_class).parameters.values()
    given = {
        parameter.name: _REQUIRED[parameter.name]
        for parameter in parameters
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    }
    if "Voting" in estimator_class.__name__ or "StackingClassifier" in estimator_class.__name__:
        kind = LogisticRegression if "Classifier" in estimator_class.__name__ else Ridge
        given["estimators"] = [("one", kind()), ("two", kind())]
    return estimator_class(**given)


def fit(estimator_class: type) -> tuple[Any, Any]:
    """Return what a fit makes of an estimator and of random numbers, or its error."""
    np.random.seed(7)
    random = np.random.default_rng(7)
    data = np.abs(random.normal(size=(60, 4)))
    try:
        estimator = make(estimator_class)
        target = data[:, 0] if is_regressor(estimator) else (data[:, 0] > 0.6).astype(int)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            returned = estimator.fit(data, target)
    except Exception as error:  # it needs other data or arguments
        return type(error), str(error)
    assert returned is estimator
    state = {
        key: value
        for key, value in vars(estimator).items()
        if key not in _TIMES and not type(value).__name__.startswith(_COUNTING)
    }
    return joblib.hash(state), joblib.hash((np.random.get_state(legacy=True), data))


@pytest.mark.usefixtures("autologging")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("part", range(_PARTS))
def test_every_estimator_gives_the_same_with_autologging_and_without(part: int) -> None:
    classes = [kind for _, kind in all_estimators()[part::_PARTS]]
    without = [fit(kind) for kind in classes]
    runstream.autolog(log_models=False, silent=True)
    logged = [fit(kind) for kind in classes]
    different = [
        kind.__name__
        for kind, before, after in zip(classes, without, logged, strict=True)
        if before != after
    ]
    assert different == []
    runs = runstream.search_runs(output_format="list", max_results=1_000)
    finished = {run.data.tags["estimator_name"]: run for run in runs if is_finished(run)}
    fitted = {
        kind.__name__: kind
        for kind, result in zip(classes, without, strict=True)
        if isinstance(result[0], str)
    }
    assert finished.keys() == fitted.keys()
    assert len(fitted) > 0.7 * len(classes)
    supervised = {name for name, kind in fitted.items() if is_supervised(kind)}
    without_metrics = {name for name in supervised if not finished[name].data.metrics}
    assert without_metrics == set()


def is_finished(run: runstream.Run) -> bool:
    return run.info.status == "FINISHED" and "mlflow.parentRunId" not in run.data.tags


def is_supervised(kind: type) -> bool:
    return issubclass(kind, (ClassifierMixin, RegressorMixin))


@pytest.mark.usefixtures("autologging")
@pytest.mark.filterwarnings("ignore")
def test_a_fault_of_ours_is_one_warning_for_every_estimator(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a fault")

    classes = [kind for _, kind in all_estimators()[::9]]
    without = [fit(kind) for kind in classes]
    runstream.autolog(log_models=False)
    monkeypatch.setattr(fitting, "training_metrics", fail)
    for kind, before in zip(classes, without, strict=True):
        caplog.clear()
        assert fit(kind) == before
        warned = [record for record in caplog.records if record.levelno >= logging.WARNING]
        was_fitted = isinstance(before[0], str)
        assert len(warned) == was_fitted, kind
