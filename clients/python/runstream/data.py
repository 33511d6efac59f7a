"""Descriptions of datasets that runs read: name, content and source (P4).

A dataset is described, never stored. Its digest is that of its content, so the same data has the
same digest in every process: of a frame it is made of the columns' names and of pandas' hash of
each row with its index, of arrays of their types, shapes and bytes, of a file of its bytes.
"""

from __future__ import annotations

import json
import os
import reprlib
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runstream import entities
from runstream.errors import InvalidArgument
from runstream.files.optional_libraries import import_optional
from runstream.files.regular_files import open_regular_file, regular_file_size
from runstream.process.source_tags import find_source_tags

if TYPE_CHECKING:
    import numpy as np
    import pandas

    Arrays = np.ndarray[Any, Any] | dict[str, np.ndarray[Any, Any]]

# Bytes of a file that are hashed at once.
_CHUNK_BYTES = 1024 * 1024

# Columns that an error names.
_COLUMNS_NAMED = 20

# Digits of a digest; the limit of the rule is 36.
_DIGEST_DIGITS = 32

# The names of NumPy's types in MLflow's schemas, by kind and size in bytes.
_MLFLOW_TYPES = {
    ("b", 1): "boolean",
    ("i", 8): "long",
    ("u", 4): "long",
    ("f", 8): "double",
    ("f", 4): "float",
    ("M", 8): "datetime",
}


def from_pandas(
    df: pandas.DataFrame,
    source: str | os.PathLike[str] | None = None,
    targets: str | None = None,
    name: str | None = None,
    digest: str | None = None,
) -> entities.Dataset:
    """Describe a data frame.

    Args:
        df: the frame.
        source: path or URL that it came from; the running program, if left out.
        targets: the column that is to be predicted.
        name: name of the dataset; `dataset`, if left out.
        digest: fingerprint of the content, up to 36 characters; computed, if left out.

    Raises:
        InvalidArgument: it is no data frame, or has no column `targets`.
    """
    _check_frame(df, targets)
    if digest is None:
        digest = _digest([repr(list(df.columns)).encode(), _hash_rows(df).tobytes()])
    columns = [
        {"type": _mlflow_type(dtype), "name": str(name), "required": not df.iloc[:, i].hasnans}
        for i, (name, dtype) in enumerate(df.dtypes.items())
    ]
    schema: dict[str, Any] = {"mlflow_colspec": columns}
    if targets is not None:
        schema["targets"] = targets
    profile = {"num_rows": len(df), "num_elements": int(df.size)}
    return _new_dataset(name, digest, source, schema, profile)


def from_numpy(
    features: Arrays,
    source: str | os.PathLike[str] | None = None,
    targets: Arrays | None = None,
    name: str | None = None,
    digest: str | None = None,
) -> entities.Dataset:
    """Describe arrays: one, or several by name; else as `from_pandas`.

    Args:
        features: what a model reads, of shape (rows, ...).
        source: path or URL that they came from; the running program, if left out.
        targets: what a model is to predict.
        name: name of the dataset; `dataset`, if left out.
        digest: fingerprint of the content, up to 36 characters; computed, if left out.
    """
    groups = {"features": _name_arrays(features)}
    if targets is not None:
        groups["targets"] = _name_arrays(targets)
    if digest is None:
        digest = _digest(
            part
            for group, arrays in groups.items()
            for key, array in arrays.items()
            for part in (
                repr((group, key, array.dtype.str, array.shape)).encode(),
                array.tobytes(),
            )
        )
    schema = {
        "mlflow_tensorspec": {
            group: json.dumps(
                [
                    {
                        "name": key,
                        "type": "tensor",
                        "tensor-spec": {
                            "dtype": str(array.dtype),
                            "shape": [-1, *array.shape[1:]],
                        },
                    }
                    for key, array in arrays.items()
                ]
            )
            for group, arrays in groups.items()
        }
    }
    profile = {
        f"{group}_{measure}": {key: getattr(array, measure) for key, array in arrays.items()}
        for group, arrays in groups.items()
        for measure in ("shape", "size", "nbytes")
    }
    return _new_dataset(name, digest, source, schema, profile)


def from_file(
    path: str | os.PathLike[str], name: str | None = None, digest: str | None = None
) -> entities.Dataset:
    """Describe a file of any kind by its bytes.

    Args:
        path: the file.
        name: name of the dataset; that of the file, if left out.
        digest: fingerprint of the content, up to 36 characters; computed, if left out.

    Raises:
        InvalidArgument: it is no regular file.
        OSError: it cannot be read.
    """
    file = Path(path)
    size = regular_file_size(file)
    if digest is None:
        with open_regular_file(file) as opened:
            digest = _digest(iter(lambda: opened.read(_CHUNK_BYTES), b""))
    return _new_dataset(name or file.name, digest, file, None, {"num_bytes": size})


def _new_dataset(
    name: str | None,
    digest: str,
    source: str | os.PathLike[str] | None,
    schema: dict[str, Any] | None,
    profile: dict[str, Any],
) -> entities.Dataset:
    kind, where = _describe_source(source)
    return entities.Dataset(
        name=name or "dataset",
        digest=digest,
        source_type=kind,
        source=json.dumps(where),
        schema="" if schema is None else json.dumps(schema),
        profile=json.dumps(profile),
    )


def _describe_source(source: str | os.PathLike[str] | None) -> tuple[str, dict[str, Any]]:
    if source is None:
        return "code", {"tags": find_source_tags()}
    text = os.fspath(source)
    scheme, separator, _ = text.partition("://")
    if not separator:
        return "local", {"uri": os.path.abspath(text)}
    if scheme in ("http", "https"):
        return "http", {"url": text}
    return ("local" if scheme == "file" else scheme), {"uri": text}


def _digest(parts: Iterable[bytes]) -> str:
    digest = sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()[:_DIGEST_DIGITS]


def _check_frame(df: pandas.DataFrame, targets: str | None) -> None:
    pandas = import_optional("pandas", "from_pandas")
    if not isinstance(df, pandas.DataFrame):
        raise InvalidArgument(
            f"Invalid value {reprlib.repr(df)} for parameter 'df' supplied: "
            f"it must be a data frame of pandas, not {type(df).__name__}",
            reason="DATASET_MALFORMED",
            field="df",
            value=reprlib.repr(df),
            limit="a data frame of pandas",
        )
    if targets is not None and targets not in df.columns:
        columns = ", ".join(map(repr, df.columns[:_COLUMNS_NAMED]))
        rest = ", …" if len(df.columns) > _COLUMNS_NAMED else ""
        raise InvalidArgument(
            f"Invalid value {targets!r} for parameter 'targets' supplied: "
            f"it must be a column of the data frame, which has {columns}{rest}",
            reason="COLUMN_UNKNOWN",
            field="targets",
            value=targets,
            limit=f"{columns}{rest}",
        )


def _hash_rows(df: pandas.DataFrame) -> Any:
    """Return a number for each row; what cannot be hashed, such as a list, counts by its JSON."""
    pandas = import_optional("pandas", "from_pandas")
    try:
        return pandas.util.hash_pandas_object(df, index=True).to_numpy()
    except TypeError:
        texts = df.copy(deep=False)
        for i, dtype in enumerate(df.dtypes):
            if getattr(dtype, "kind", "") == "O":
                texts.isetitem(i, [_to_text(value) for value in df.iloc[:, i]])
        return pandas.util.hash_pandas_object(texts, index=True).to_numpy()


def _to_text(value: object) -> str:
    try:
        return json.dumps(value, sort_keys=True, default=_to_json_value)
    except (TypeError, ValueError):  # keys that cannot be sorted, or a circle
        return repr(value)


def _to_json_value(value: Any) -> Any:
    if isinstance(value, (set, frozenset)):
        return sorted(map(_to_text, value))
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _mlflow_type(dtype: Any) -> str:
    kind, size = getattr(dtype, "kind", "O"), getattr(dtype, "itemsize", 0)
    if kind in "iu" and size < 4:
        return "integer"
    return _MLFLOW_TYPES.get((kind, size)) or ("integer" if kind == "i" else "string")


def _name_arrays(arrays: Arrays) -> dict[str, Any]:
    return arrays if isinstance(arrays, dict) else {"data": arrays}
