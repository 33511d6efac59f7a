"""A random forest that tells which columns a number depends on, by permutation.

Trees are grown one by one, so that it can be interrupted between two, and each is forgotten once it
has told what it knows. scikit-learn grows them, if it is installed.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from runstream_service.search.group_statistics import Floats, Integers

#: Trees of a forest, and the fewest rows that one is grown from.
TREES = 100
MIN_ROWS = 20

# Columns that each split of a tree looks at: a third of them, and at least so many.
_MIN_COLUMNS = 4
_MIN_ROWS_OF_LEAF = 2


@cache
def tree_class() -> Any:
    """Return scikit-learn's regression tree, imported now, or None if it is not installed."""
    try:
        from sklearn.tree import DecisionTreeRegressor
    except ImportError:
        return None
    return DecisionTreeRegressor


class ImportanceForest:
    """A forest over columns that foretells a target.

    Attributes:
        trees: how many trees were grown.
    """

    def __init__(self, columns: list[Integers], target: Floats) -> None:
        """Take at least `MIN_ROWS` rows; no tree is grown yet.

        Args:
            columns: one or more columns of ranks.
            target: the number of each row.
        """
        self._columns = np.array(columns, np.float32).T.copy()
        self._target = target
        self._random = np.random.default_rng(0)
        self._losses = np.zeros(len(columns))
        self._foretold = np.zeros(len(target))
        self._votes = np.zeros(len(target))
        self.trees = 0

    def grow_tree(self) -> None:
        """Grow a tree from rows drawn by chance, and ask it about those that were not drawn."""
        count, width = self._columns.shape
        drawn = self._random.integers(0, count, count)
        left = np.flatnonzero(np.bincount(drawn, minlength=count) == 0)
        tree = tree_class()(
            max_features=min(width, max(_MIN_COLUMNS, width // 3)),
            min_samples_leaf=_MIN_ROWS_OF_LEAF,
            random_state=self.trees,
        ).fit(self._columns[drawn], self._target[drawn])
        rows, target = self._columns[left], self._target[left]
        foretold = tree.predict(rows, check_input=False)
        self._foretold[left] += foretold
        self._votes[left] += 1
        error = _mean_square(foretold - target)
        for column in np.unique(tree.tree_.feature[tree.tree_.feature >= 0]).tolist():
            kept = rows[:, column].copy()
            rows[:, column] = self._random.permutation(kept)
            permuted = tree.predict(rows, check_input=False)
            rows[:, column] = kept
            self._losses[column] += _mean_square(permuted - target) - error
        self.trees += 1

    def score(self) -> float:
        """Return the share of the variance that the trees foretell of rows not drawn for them."""
        asked = self._votes > 0
        target = self._target[asked]
        error = self._foretold[asked] / self._votes[asked] - target
        variance = float(target.var()) if asked.any() else 0.0
        return 1 - _mean_square(error) / variance if variance else 0.0

    def shares(self) -> Floats:
        """Return the importance of each column, as shares of 1; all are 0 if the score is."""
        losses: Floats = np.clip(self._losses, 0, None)
        if self.score() <= 0 or not losses.any():
            return np.zeros_like(losses)
        shares: Floats = losses / losses.sum()
        return shares


def _mean_square(values: Floats) -> float:
    return float((values**2).mean()) if values.size else 0.0
