"""How far the ranks of some values explain the ranks of others."""

from __future__ import annotations

import numpy as np

from runstream_service.search.group_statistics import Floats, Integers


def average_ranks(values: Floats | Integers) -> Floats:
    """Return the ranks from 1 of values without NaN; equal values have the mean of theirs."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: Floats = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return ranks


def rank_correlation(values: Floats | Integers, others: Floats | Integers) -> float:
    """Return the correlation of Spearman, from -1 to 1; 0 if all values of either are equal."""
    ranks, other_ranks = _centred(average_ranks(values)), _centred(average_ranks(others))
    size = float(np.sqrt((ranks @ ranks) * (other_ranks @ other_ranks)))
    return float(np.clip((ranks @ other_ranks) / size, -1, 1)) if size else 0.0


def correlation_ratio(groups: Integers, ranks: Floats) -> float:
    """Return how far groups explain ranks, from 0 to 1.

    It is the root of the share of the variance that lies between the groups, less what as many
    groups by chance would have (the epsilon squared of Kelley): groups of one each explain nothing.

    Args:
        groups: the group of each value, any integers.
        ranks: the ranks.
    """
    _, places, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    away = _centred(ranks)
    whole, count = float(away @ away), len(ranks)
    if not whole or len(sizes) == count:
        return 0.0
    sums = np.bincount(places, away)
    between = float((sums**2 / sizes).sum())
    unexplained = (whole - between) / whole * (count - 1) / (count - len(sizes))
    return float(np.sqrt(np.clip(1 - unexplained, 0, 1)))


def _centred(values: Floats) -> Floats:
    centred: Floats = values - values.mean()
    return centred
