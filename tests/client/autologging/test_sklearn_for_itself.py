"""What scikit-learn fits and scores for itself is not logged; what the program does is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.cluster import k_means
from sklearn.datasets import load_iris
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import (
    KFold,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    permutation_test_score,
    validation_curve,
)
from sklearn.utils.parallel import Parallel, delayed

import runstream

IRIS, KIND = load_iris(return_X_y=True)


class Wrapper(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A model of the program, which fits one of scikit-learn."""

    def fit(self, X: Any, y: Any) -> Wrapper:  # noqa: N803 - as it is called
        self.model_ = LogisticRegression(max_iter=500).fit(X, y)
        self.classes_ = self.model_.classes_
        return self

    def predict(self, X: Any) -> Any:  # noqa: N803
        return self.model_.predict(X)


def score(model: Any, data: Any, kinds: Any) -> float:
    fitted = LogisticRegression(max_iter=500).fit(data, kinds)
    return float(accuracy_score(model.predict(data), fitted.predict(data)))


VALIDATIONS: dict[str, Callable[[], object]] = {
    "cross_val_score": lambda: cross_val_score(LogisticRegression(max_iter=500), IRIS, KIND),
    "cross_validate": lambda: cross_validate(Wrapper(), IRIS, KIND, scoring=score, cv=2),
    "cross_val_predict": lambda: cross_val_predict(Wrapper(), IRIS, KIND, cv=2),
    "learning_curve": lambda: learning_curve(Wrapper(), IRIS, KIND, cv=2, shuffle=True),
    "validation_curve": lambda: validation_curve(
        LogisticRegression(max_iter=500), IRIS, KIND, param_name="C", param_range=[1, 2], cv=2
    ),
    "permutation_test_score": lambda: permutation_test_score(
        Wrapper(), IRIS, KIND, cv=2, n_permutations=2
    ),
    "in threads": lambda: Parallel(n_jobs=2, prefer="threads")(
        delayed(cross_val_score)(Wrapper(), IRIS, KIND, cv=2, n_jobs=2) for _ in range(2)
    ),
    "k_means": lambda: k_means(IRIS, 2, n_init=1),
}


@pytest.mark.usefixtures("autologging")
@pytest.mark.parametrize("name", VALIDATIONS)
def test_functions_that_were_imported_before_fit_for_themselves_and_log_nothing(name: str) -> None:
    runstream.autolog()
    VALIDATIONS[name]()
    assert runstream.search_runs(output_format="list") == []


@pytest.mark.usefixtures("autologging")
def test_the_model_of_a_run_stays_that_of_the_program_after_a_validation() -> None:
    runstream.autolog()
    with runstream.start_run() as run:
        model = LogisticRegression(max_iter=500).fit(IRIS, KIND)
        cross_val_score(LogisticRegression(max_iter=500), IRIS, KIND)
        permutation_importance(model, IRIS, KIND, n_repeats=2)
    stored = run.read()
    loaded = runstream.sklearn.load_model(f"runs:/{run.run_id}/model")
    assert np.array_equal(loaded.coef_, model.coef_)
    assert len(stored.inputs.dataset_inputs) == 1
    assert all(key.startswith("training_") for key in stored.data.metrics)


@pytest.mark.usefixtures("autologging")
def test_what_the_program_fits_in_threads_of_scikit_learn_is_logged() -> None:
    runstream.autolog(log_models=False)

    def train(strength: float) -> None:
        LogisticRegression(C=strength, max_iter=500).fit(IRIS, KIND)

    Parallel(n_jobs=2, prefer="threads")(delayed(train)(strength) for strength in (1.0, 2.0))
    runs = runstream.search_runs(output_format="list")
    assert sorted(run.data.params["C"] for run in runs) == ["1.0", "2.0"]


@pytest.mark.usefixtures("autologging")
def test_scores_of_several_models_of_a_run_are_numbered_and_none_is_put_over_another() -> None:
    runstream.autolog(log_models=False)
    scores = []
    with runstream.start_run() as run:
        for train, test in KFold(3, shuffle=True, random_state=0).split(IRIS):
            model = LogisticRegression(max_iter=500).fit(IRIS[train], KIND[train])
            scores.append(model.score(IRIS[test], KIND[test]))
            del model
    metrics = run.read().data.metrics
    found = {key: value for key, value in metrics.items() if key.startswith("Logistic")}
    assert sorted(found.values()) == sorted(scores)
    assert [key.partition("_unknown_dataset")[0] for key in sorted(found)] == [
        "LogisticRegression_score-2",
        "LogisticRegression_score-3",
        "LogisticRegression_score",
    ]
    assert len(runstream.load_dict("metric_info.json", run_id=run.run_id)) == 3
