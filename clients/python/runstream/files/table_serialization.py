"""Tables as the bytes of a file: JSON in pandas' orient `split`, as MLflow has it, or Parquet.

The JSON is written here and not by pandas, which rounds doubles to 15 digits at most, and reads
integers beside a missing value as doubles. A value that JSON lacks is written as follows: NaN and
whatever is missing as null, an infinity as `1e999`, which every parser reads as one, a date as ISO
8601, an array as a list, anything else as its text.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from runstream.errors import InvalidArgument
from runstream.files.optional_libraries import import_optional
from runstream.files.serialization import serialize_text

if TYPE_CHECKING:
    import pandas

# The largest integer up to which doubles hold every integer.
_MAX_EXACT_INTEGER = 2**53


class _Table(NamedTuple):
    columns: list[Any]
    data: list[list[Any]]


def serialize_table(data: Any, path: str, before: bytes | None = None) -> bytes:
    """Return a table as the bytes of a file, Parquet if the path ends so, else JSON.

    Args:
        data: a data frame, or a dictionary of columns: lists, arrays, series, or single values.
        path: path of the file.
        before: the file that is there, whose rows come first.

    Raises:
        InvalidArgument: it is no table.
    """
    frame = _to_frame(data)
    if _is_parquet(path):
        parts = [frame] if before is None else [parse_table(before, path), frame]
        buffer = io.BytesIO()
        import_optional("pandas", "log_table").concat(parts, ignore_index=True).to_parquet(
            buffer, index=False
        )
        return buffer.getvalue()
    table = _Table(
        [label if isinstance(label, (str, int)) else str(label) for label in frame.columns],
        [
            list(map(_to_json_value, row))
            for row in zip(*map(_to_list, _columns(frame)), strict=True)
        ],
    )
    return _format_json(table if before is None else _concat(_parse_json(before), table))


def parse_table(content: bytes, path: str) -> pandas.DataFrame:
    """Return the data frame that `serialize_table` wrote."""
    library = import_optional("pandas", "load_table")
    frame: pandas.DataFrame
    if _is_parquet(path):
        frame = library.read_parquet(io.BytesIO(content))
        return frame
    columns, data = _parse_json(content)
    frame = library.DataFrame(
        {i: _to_series([row[i] for row in data]) for i in range(len(columns))}
    )
    frame.columns = columns
    return frame


def _is_parquet(path: str) -> bool:
    return PurePosixPath(path).suffix == ".parquet"


def _to_frame(data: Any) -> pandas.DataFrame:
    library = import_optional("pandas", "log_table")
    frame: pandas.DataFrame
    if isinstance(data, library.DataFrame):
        frame = data
        return frame
    if not isinstance(data, Mapping):
        raise _malformed_error(type(data).__name__)
    columns = {key: _to_column(values) for key, values in data.items()}
    if columns and not any(isinstance(one, (list, library.Series)) for one in columns.values()):
        frame = library.DataFrame([columns])
        return frame
    try:
        frame = library.DataFrame(columns)
    except ValueError as error:  # columns of different lengths
        raise _malformed_error(str(error)) from None
    return frame


def _to_column(values: Any) -> Any:
    """Return a column as a list or a series, and a single value unchanged."""
    if isinstance(values, str | bytes | Mapping) or not hasattr(values, "__len__"):
        return values
    if hasattr(values, "index") and hasattr(values, "dtype"):  # a series brings its index along
        return values
    return [values] if getattr(values, "ndim", 1) == 0 else list(values)


def _columns(frame: pandas.DataFrame) -> list[pandas.Series]:
    return [frame.iloc[:, i] for i in range(frame.shape[1])]


def _to_list(column: pandas.Series) -> list[Any]:
    # `tolist` returns dates as timestamps of pandas, which keep the nanoseconds.
    return column.tolist()


def _to_json_value(value: Any) -> Any:
    """Return a value as JSON has it; an infinity stays a float."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return None if math.isnan(value) else float(value)
    if isinstance(value, Decimal):
        nearest = float(value)
        return nearest if Decimal(repr(nearest)) == value else str(value)
    if isinstance(value, Mapping):
        return {str(key): _to_json_value(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return list(map(_to_json_value, value))
    if getattr(getattr(value, "dtype", None), "kind", "") == "M":  # a date of NumPy, or several
        return _to_json_value(value.astype(str).tolist())
    if hasattr(value, "tolist"):  # of NumPy, or a tensor
        return _to_json_value(value.tolist())
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    return None if type(value).__name__ in ("NaTType", "NAType") else text


def _format_json(table: _Table) -> bytes:
    rows = ",\n".join(f"[{', '.join(map(_format_literal, row))}]" for row in table.data)
    columns = json.dumps(table.columns, ensure_ascii=False)
    return serialize_text(f'{{"columns": {columns}, "data": [\n{rows}\n]}}', "data")


def _format_literal(value: Any) -> str:
    if isinstance(value, float) and math.isinf(value):
        return "1e999" if value > 0 else "-1e999"
    if isinstance(value, list):
        return f"[{', '.join(map(_format_literal, value))}]"
    if isinstance(value, dict):
        items = (f"{json.dumps(key)}: {_format_literal(one)}" for key, one in value.items())
        return f"{{{', '.join(items)}}}"
    return json.dumps(value, ensure_ascii=False)


def _parse_json(content: bytes) -> _Table:
    try:
        table = json.loads(content)
        columns, data = table["columns"], table["data"]
        if all(len(row) == len(columns) for row in data):
            return _Table(columns, data)
    except (ValueError, KeyError, TypeError):
        pass
    raise InvalidArgument(
        "the file is no table: JSON with `columns` and `data`",
        reason="TABLE_MALFORMED",
        field="artifact_file",
        limit="JSON with `columns` and `data`",
    )


def _concat(first: _Table, second: _Table) -> _Table:
    """Return the rows of two tables as one; a column that one of them lacks is null there."""
    if first.columns == second.columns:
        return _Table(first.columns, first.data + second.data)
    columns = list(dict.fromkeys([*first.columns, *second.columns]))
    rows = [
        dict(zip(table.columns, row, strict=True))
        for table in (first, second)
        for row in table.data
    ]
    return _Table(columns, [[row.get(label) for label in columns] for row in rows])


def _to_series(values: Sequence[Any]) -> Any:
    """Return a column that keeps its integers: pandas makes doubles of them beside other values."""
    pandas = import_optional("pandas", "load_table")
    kinds = {type(value) for value in values}
    large = any(type(value) is int and abs(value) > _MAX_EXACT_INTEGER for value in values)
    if not large or kinds == {int}:
        return pandas.Series(values)
    fits = all(value is None or -(2**63) <= value < 2**63 for value in values if type(value) is int)
    if kinds == {int, type(None)} and fits:
        return pandas.Series(values, dtype="Int64")
    return pandas.Series(values, dtype=object)


def _malformed_error(found: str) -> InvalidArgument:
    return InvalidArgument(
        f"Invalid value for parameter 'data' supplied: it must be a data frame or a dictionary of "
        f"columns of one length ({found})",
        reason="DATA_UNKNOWN",
        field="data",
        value=found,
        limit="a data frame or a dictionary of columns",
    )
