"""The training metrics of scikit-learn's models are what scikit-learn computes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn import metrics
from sklearn.tree import DecisionTreeClassifier

from runstream.autologging.sklearn.fitted import Fitted
from runstream.autologging.sklearn.metrics import training_metrics


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("classes", [2, 3, 7])
def test_metrics_are_those_of_scikit_learn(
    classes: int, weighted: bool, random_data: Callable[[int], Any]
) -> None:
    data, kinds, weights = random_data(classes)
    weight = weights if weighted else None
    model = DecisionTreeClassifier(max_depth=3, random_state=0).fit(data, kinds)
    predicted, probabilities = model.predict(data), model.predict_proba(data)
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        kinds, predicted, average="weighted", sample_weight=weight, zero_division=0
    )
    expected = {
        "precision_score": precision,
        "recall_score": recall,
        "f1_score": f1,
        "accuracy_score": metrics.accuracy_score(kinds, predicted, sample_weight=weight),
        "score": metrics.accuracy_score(kinds, predicted, sample_weight=weight),
        "log_loss": metrics.log_loss(kinds, probabilities, sample_weight=weight),
    }
    if classes == 2 or not weighted:
        expected["roc_auc"] = metrics.roc_auc_score(
            kinds,
            probabilities[:, 1] if classes == 2 else probabilities,
            average="weighted",
            multi_class="ovo",
            sample_weight=weight,
        )
    found = training_metrics(Fitted(model, data, kinds, weight))
    assert found == pytest.approx({f"training_{key}": value for key, value in expected.items()})


@pytest.fixture
def random_data() -> Callable[[int], Any]:
    def make(classes: int) -> Any:
        random = np.random.default_rng(classes)
        data = random.normal(size=(200, 4))
        kinds = np.array([f"kind {number}" for number in random.integers(classes, size=200)])
        return data, kinds, random.uniform(0.5, 2, size=200)

    return make
