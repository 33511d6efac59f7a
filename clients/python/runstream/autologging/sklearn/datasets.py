"""The data of a training as a dataset."""

from __future__ import annotations

import sys
from typing import Any

from runstream import data
from runstream.entities import Dataset


def describe(features: Any, targets: Any = None) -> Dataset | None:
    """Return the data as a dataset; None if it is neither a data frame nor an array.

    Args:
        features: what a model reads. A sparse matrix is described by its three arrays.
        targets: what it is to predict; part of the dataset, if both are arrays.
    """
    pandas, numpy = sys.modules.get("pandas"), sys.modules.get("numpy")
    if pandas is not None and isinstance(features, pandas.DataFrame):
        return data.from_pandas(features)
    if numpy is None:
        return None
    if all(hasattr(features, name) for name in ("indptr", "indices", "data", "toarray")):
        parts = {name: getattr(features, name) for name in ("data", "indices", "indptr")}
        return data.from_numpy(parts)
    if not isinstance(features, numpy.ndarray) or features.dtype.hasobject:
        return None
    if not isinstance(targets, numpy.ndarray) or targets.dtype.hasobject:
        targets = None
    return data.from_numpy(features, targets=targets)
