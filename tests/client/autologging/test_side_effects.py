"""What a program can see of autologging in its estimators, its variables and its random numbers."""

from __future__ import annotations

import gc
import logging
import random
import weakref
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

import runstream

DATA = np.random.RandomState(0).rand(20, 2)
KIND = (DATA[:, 0] > 0.5).astype(int)


class Drawing(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """An estimator whose predictions change it, and draw random numbers of every kind."""

    def __init__(self, generator: np.random.Generator | None = None) -> None:
        self.generator = generator

    def fit(self, _: Any, y: Any) -> Drawing:
        self.classes_, self.calls_ = np.unique(y), 0
        self.own_: dict[str, list[Any]] = {"states": [np.random.RandomState(3), random.Random(4)]}
        return self

    def predict(self, X: Any) -> Any:  # noqa: N803 - scikit-learn's name
        self.calls_ += 1
        self.last_ = [number() for number in self.numbers()]
        return np.full(len(X), self.classes_[0])

    def numbers(self) -> list[Any]:
        assert self.generator is not None
        states: list[Any] = self.own_["states"]
        return [
            random.random,
            np.random.rand,
            self.generator.random,
            states[0].rand,
            states[1].random,
        ]


def fit_and_draw() -> list[Any]:
    random.seed(1)
    np.random.seed(2)
    model = Drawing(np.random.default_rng(5))
    make_pipeline(model).fit(DATA, KIND)
    return [model.calls_, sorted(vars(model)), *(number() for number in model.numbers())]


@pytest.mark.usefixtures("autologging")
def test_what_predictions_change_is_put_back_within_a_pipeline_too() -> None:
    without = fit_and_draw()
    runstream.sklearn.autolog()
    assert fit_and_draw() == without
    run = runstream.last_active_run()
    assert run is not None
    assert "training_accuracy_score" in run.data.metrics


@pytest.mark.usefixtures("autologging")
def test_variables_of_the_program_are_not_kept_and_locals_is_as_it_was() -> None:
    def evaluate(model: LinearRegression) -> bool:
        large = np.ones((50, 2))
        reference = weakref.ref(large)
        model.score(large, np.arange(50.0))
        del large
        gc.collect()
        return reference() is None

    def configure(alpha: int = 1) -> dict[str, Any]:
        config = locals()
        model = LinearRegression().fit(DATA, KIND)
        model.score(DATA, KIND)
        return config

    runstream.sklearn.autolog(log_models=False)
    assert evaluate(LinearRegression().fit(DATA, KIND))
    run = runstream.last_active_run()
    assert run is not None
    assert "LinearRegression_score_large" in run.data.metrics
    assert configure() == {"alpha": 1}


@pytest.mark.usefixtures("autologging")
def test_many_params_that_cannot_be_logged_are_one_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Many(BaseEstimator):  # type: ignore[misc]
        def fit(self, _: Any) -> Many:
            return self

        def get_params(self, **_: object) -> dict[str, object]:
            return {"good": 1, **{f"bad\n{number}": number for number in range(500)}}

    runstream.sklearn.autolog(log_models=False)
    Many().fit(DATA)
    run = runstream.last_active_run()
    assert run is not None
    assert run.data.params == {"good": "1"}
    with runstream.start_run():
        Many().fit(DATA)
    warned = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warned) == 2
    assert all("nor 499 other params" in message for message in warned)


@pytest.mark.usefixtures("autologging")
def test_last_active_run_is_that_of_a_training_which_has_runs_within() -> None:
    class Nested(LinearRegression):  # type: ignore[misc]
        def fit(self, X: Any, y: Any) -> Nested:  # noqa: N803 - scikit-learn's names
            with runstream.start_run(nested=True):
                super().fit(X, y)
            return self

    runstream.sklearn.autolog(log_models=False)
    Nested().fit(DATA, KIND)
    run = runstream.last_active_run()
    assert run is not None
    assert run.data.tags["estimator_name"] == "Nested"
