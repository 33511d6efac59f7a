"""The signature of a model: the columns that it takes and gives, as the file `MLmodel` has them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

from runstream.autologging.datasets import describe

# Rows that a model predicts to show what it gives.
_ROWS = 5


def sample_rows(features: Any) -> Any:
    """Return a copy of the first rows of a data frame or an array; None if it is something else."""
    pandas, numpy = sys.modules.get("pandas"), sys.modules.get("numpy")
    if pandas is not None and isinstance(features, pandas.DataFrame):
        return features.head(_ROWS).copy()
    if numpy is not None and isinstance(features, numpy.ndarray) and features.ndim > 0:
        return features[:_ROWS].copy()
    return None


def describe_signature(sample: Any, predict: Callable[[Any], Any]) -> dict[str, Any] | None:
    """Return the signature of a model; None if what it gives is no array and no data frame.

    Args:
        sample: some rows that it takes.
        predict: what it gives for rows.
    """
    inputs, outputs = _columns(sample), _columns(predict(sample))
    if inputs is None or outputs is None:
        return None
    return {"inputs": inputs, "outputs": outputs, "params": None}


def _columns(rows: Any) -> str | None:
    dataset = describe(rows)
    if dataset is None:
        return None
    schema: Mapping[str, Any] = json.loads(dataset.schema)
    if "mlflow_colspec" in schema:
        return json.dumps(schema["mlflow_colspec"])
    tensors = json.loads(schema["mlflow_tensorspec"]["features"])
    if len(tensors) != 1:  # a sparse matrix
        return None
    return json.dumps([{key: value for key, value in tensors[0].items() if key != "name"}])
