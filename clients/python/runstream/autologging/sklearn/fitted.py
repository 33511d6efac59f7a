"""A fitted estimator with the data of its training, and what it predicts for them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any


@dataclass
class Fitted:
    """A fitted estimator and the data of its training.

    Attributes:
        estimator: the estimator.
        features: what it read.
        targets: what it shall predict; None, if it was not told.
        sample_weight: weights of the rows.
        pos_label: the class that counts as positive; None for none.
    """

    estimator: Any
    features: Any
    targets: Any
    sample_weight: Any = None
    pos_label: object = None

    @cached_property
    def is_classifier(self) -> bool:
        """Whether it predicts classes."""
        from sklearn.base import is_classifier

        return bool(is_classifier(self.estimator))

    @cached_property
    def is_regressor(self) -> bool:
        """Whether it predicts numbers."""
        from sklearn.base import is_regressor

        return bool(is_regressor(self.estimator))

    @cached_property
    def predicted(self) -> Any:
        """What it predicts for the features."""
        return self.estimator.predict(self.features)

    @cached_property
    def probabilities(self) -> Any:
        """The probability of each class for each row; None if it gives none."""
        if not hasattr(self.estimator, "predict_proba"):
            return None
        return self.estimator.predict_proba(self.features)

    @cached_property
    def scores(self) -> Any:
        """A number for each row that is high for the second of two classes; None if none."""
        if self.probabilities is not None:
            return self.probabilities[:, 1]
        if hasattr(self.estimator, "decision_function"):
            return self.estimator.decision_function(self.features)
        return None

    @cached_property
    def target_column(self) -> Any:
        """The targets as an array of one dimension; None if there are several for each row."""
        import numpy as np

        targets = np.asarray(self.targets)
        if targets.ndim == 2 and targets.shape[1] == 1:
            targets = targets[:, 0]
        return targets if targets.ndim == 1 and targets.size else None

    @cached_property
    def weights(self) -> Any:
        """The weights of the rows as an array; None if all count the same."""
        import numpy as np

        return None if self.sample_weight is None else np.asarray(self.sample_weight, float)

    @cached_property
    def classes(self) -> Any:
        """The classes that are in the targets or were predicted, in order."""
        return self._numbered_classes[0]

    @cached_property
    def confusion(self) -> Any:
        """The weight of the rows of each class, one line each, by the class predicted for them."""
        import numpy as np

        classes, true, predicted = self._numbered_classes
        size = len(classes)
        counts = np.bincount(true * size + predicted, self.weights, minlength=size * size)
        return counts.reshape(size, size).astype(float)

    @cached_property
    def _numbered_classes(self) -> tuple[Any, Any, Any]:
        import numpy as np

        targets = self.target_column
        predicted = np.asarray(self.predicted).reshape(len(targets))
        classes, numbers = np.unique(np.concatenate([targets, predicted]), return_inverse=True)
        return classes, numbers[: len(targets)], numbers[len(targets) :]
