"""The tables of a folder that `runstream export` writes; docs/export.md explains them.

A table is a Parquet file `NAME.parquet`, whose rows are in the order of the runs in `runs`. Columns
are of three types: text, 64-bit integers and doubles; `end_time` alone may be null.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runstream.files.optional_libraries import import_optional

#: The file that describes the folder, and says that it is whole. It is written last.
MANIFEST = "export.json"
FORMAT = "runstream-export"
VERSION = 1

#: The folder of artifacts, in which each run or model has one.
ARTIFACTS = "artifacts"

#: Rows of a row group at most; fewer if their texts are long.
GROUP_ROWS = 65_536

_DATASET = dict.fromkeys(("name", "digest", "source_type", "source", "schema", "profile"), "text")
_PAIR = {"key": "text", "value": "text"}
_POINT = {"key": "text", "step": "integer", "timestamp": "integer", "value": "double"}

#: The columns of each table, and their types; rows are found by the first column.
TABLES: Mapping[str, Mapping[str, str]] = {
    "experiments": {"experiment": "text"},
    "experiment_tags": {"experiment": "text", **_PAIR},
    "documents": {
        "experiment": "text",
        "kind": "text",
        "title": "text",
        "is_default": "integer",
        "text": "text",
    },
    "runs": {
        "experiment": "text",
        "run_id": "text",
        "name": "text",
        "user_id": "text",
        "status": "text",
        "start_time": "integer",
        "end_time": "integer",
    },
    "params": {"run_id": "text", **_PAIR},
    "tags": {"run_id": "text", **_PAIR},
    "points": {"run_id": "text", **_POINT},
    "datasets": {"run_id": "text", "position": "integer", **_DATASET},
    "dataset_tags": {"run_id": "text", "position": "integer", **_PAIR},
    "model_inputs": {"run_id": "text", "model_id": "text"},
    "model_outputs": {"run_id": "text", "model_id": "text", "step": "integer"},
    "console": {"run_id": "text", "stream": "text", "timestamp": "integer", "text": "text"},
    "models": {
        "experiment": "text",
        "model_id": "text",
        "name": "text",
        "model_type": "text",
        "status": "text",
        "source_run_id": "text",
    },
    "model_params": {"model_id": "text", **_PAIR},
    "model_tags": {"model_id": "text", **_PAIR},
    "model_points": {
        "model_id": "text",
        "run_id": "text",
        **_POINT,
        "dataset_name": "text",
        "dataset_digest": "text",
    },
    "artifacts": {"owner": "text", "path": "text", "bytes": "integer", "sha256": "text"},
}


def import_pyarrow() -> Any:
    """Return pyarrow with `compute` and `parquet`; raises ModuleNotFoundError if it is missing."""
    pyarrow = import_optional("pyarrow", "a folder of Parquet files")
    for module in ("pyarrow.compute", "pyarrow.parquet"):
        import_optional(module, "a folder of Parquet files")
    return pyarrow


def table_schema(name: str) -> Any:
    """Return the schema of a table."""
    pyarrow = import_pyarrow()
    types = {"text": pyarrow.string(), "integer": pyarrow.int64(), "double": pyarrow.float64()}
    return pyarrow.schema(
        [
            pyarrow.field(column, types[kind], nullable=column == "end_time")
            for column, kind in TABLES[name].items()
        ]
    )
