"""The data of a training as a dataset."""

from __future__ import annotations

import sys
from typing import Any

from runstream import data
from runstream.entities import Dataset


def describe(features: Any, targets: Any = None, name: str | None = None) -> Dataset | None:
    """Return the data as a dataset; None if it is neither a data frame nor an array.

    Args:
        features: what a model reads. A sparse matrix is described by its three arrays.
        targets: what it is to predict; part of the dataset, if both are arrays.
        name: name of the dataset.
    """
    pandas, numpy = sys.modules.get("pandas"), sys.modules.get("numpy")
    if pandas is not None and isinstance(features, pandas.DataFrame):
        return data.from_pandas(features, name=name)
    if numpy is None:
        return None
    targets = _to_array(targets)
    if hasattr(features, "tocsr") and not hasattr(features, "indptr"):  # in another sparse form
        features = features.tocsr()
    if all(hasattr(features, part) for part in ("indptr", "indices", "data", "toarray")):
        parts = {part: getattr(features, part) for part in ("data", "indices", "indptr")}
        return data.from_numpy(parts, targets=targets, name=name)
    features = _to_array(features)
    if features is None:
        return None
    return data.from_numpy(features, targets=targets, name=name)


def _to_array(values: Any) -> Any:
    """Return an array, or a tensor of PyTorch, as an array; None if it is something else."""
    numpy, torch = sys.modules["numpy"], sys.modules.get("torch")
    if torch is not None and isinstance(values, torch.Tensor):
        values = values.detach().cpu().numpy()
    if not isinstance(values, numpy.ndarray) or values.dtype.hasobject:
        return None
    return values
