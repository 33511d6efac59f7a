"""The files of an export: `PROJECT/RUN_part_0.parquet` and so on, each of one run."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from runstream.errors import InvalidArgument
from runstream.files.optional_libraries import import_optional

# Columns without which a file is none of an export.
_COLUMNS = frozenset({"project_id", "run_id", "attribute_path", "attribute_type"})
_PART = re.compile(r"(?P<stem>.+)_part_(?P<number>\d+)\.parquet", re.DOTALL)
_BATCH_ROWS = 50_000


def find_parts(folder: Path) -> list[list[Path]]:
    """Return the files of each run below a folder, in their order.

    Models of the registry, which are in folders `models` and `model_versions`, are left out.

    Raises:
        InvalidArgument: there is none.
    """
    parts: dict[tuple[Path, str], list[tuple[int, Path]]] = defaultdict(list)
    for file in sorted(folder.rglob("*.parquet")):
        found = _PART.fullmatch(file.name)
        if found and not is_registry(file):
            parts[file.parent, found["stem"]].append((int(found["number"]), file))
    if not parts:
        raise InvalidArgument(
            f"{folder} has no run of an export of Neptune: no file *_part_0.parquet",
            reason="SOURCE_MALFORMED",
            field="source",
            value=folder,
        )
    return [[file for _, file in sorted(some)] for some in parts.values()]


def is_registry(file: Path) -> bool:
    """Return whether a file is of a model or a version of one."""
    return file.parent.name in ("models", "model_versions")


def read_names(file: Path) -> tuple[str, str]:
    """Return the project and the run of a file.

    Raises:
        ValueError: it is none of an export; errors of pyarrow are such, too.
    """
    parquet = import_optional("pyarrow.parquet", "reading an export of Neptune")
    with parquet.ParquetFile(file) as table:
        missing = _COLUMNS - set(table.schema_arrow.names)
        if missing:
            raise ValueError(f"it has no column {', '.join(sorted(missing))}")
        for batch in table.iter_batches(1, columns=["project_id", "run_id"]):
            for row in batch.to_pylist():
                return str(row["project_id"]), str(row["run_id"])
    raise ValueError("it has no row")


def read_rows(files: Sequence[Path], types: Sequence[str], columns: Sequence[str]) -> Iterator[Any]:
    """Yield the rows of attributes of some types, as batches of Arrow.

    Args:
        files: the files of a run.
        types: values of `attribute_type`.
        columns: the columns besides `attribute_path` and `attribute_type`; those that a file does
            not have are left out.
    """
    parquet = import_optional("pyarrow.parquet", "reading an export of Neptune")
    import pyarrow
    from pyarrow import compute

    wanted = pyarrow.array(types)
    for file in files:
        with parquet.ParquetFile(file) as table:
            there = set(table.schema_arrow.names)
            names = [
                name for name in ("attribute_path", "attribute_type", *columns) if name in there
            ]
            for batch in table.iter_batches(_BATCH_ROWS, columns=names):
                some = batch.filter(compute.is_in(batch.column("attribute_type"), wanted))
                if some.num_rows:
                    yield some
