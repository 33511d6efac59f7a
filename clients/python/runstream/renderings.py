"""Figures, images, tables and dictionaries as the bytes of a file.

The libraries that they are made with are imported when they are used, by whoever has them.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from runstream.errors import InvalidArgument

_YAML = (".yaml", ".yml")


def dictionary_bytes(dictionary: Mapping[str, Any], path: str) -> bytes:
    """Return a dictionary as YAML if the path ends so, else as JSON."""
    if PurePosixPath(path).suffix in _YAML:
        import yaml

        return str(yaml.safe_dump(dictionary, sort_keys=False, allow_unicode=True)).encode()
    return json.dumps(dictionary, indent=2, default=_plain, ensure_ascii=False).encode()


def dictionary_of(content: bytes, path: str) -> Any:
    """Return what `dictionary_bytes` made into bytes."""
    if PurePosixPath(path).suffix in _YAML:
        import yaml

        return yaml.safe_load(content)
    return json.loads(content)


def figure_bytes(figure: Any, path: str) -> bytes:
    """Return a figure of Matplotlib, or of Plotly, in the format of the path's suffix."""
    suffix = PurePosixPath(path).suffix.lstrip(".").lower()
    if hasattr(figure, "savefig"):
        buffer = io.BytesIO()
        figure.savefig(buffer, format=suffix or "png")
        return buffer.getvalue()
    if hasattr(figure, "write_html"):
        if suffix in ("", "html"):
            return str(figure.to_html(include_plotlyjs="cdn")).encode()
        return bytes(figure.to_image(format=suffix))
    raise _unknown("figure", figure, "a figure of Matplotlib or Plotly")


def image_bytes(image: Any, path: str) -> bytes:
    """Return an image of Pillow, or an array, in the format of the path's suffix; PNG by default.

    An array has the shape (height, width) or (height, width, channels) with 1, 3 or 4 channels,
    and holds integers of 0 to 255, numbers of 0 to 1, or booleans.
    """
    from PIL import Image

    if not isinstance(image, Image.Image):
        image = Image.fromarray(_pixels(image))
    formats = Image.registered_extensions()
    suffix = PurePosixPath(path).suffix.lower()
    buffer = io.BytesIO()
    image.save(buffer, format=formats.get(suffix, "PNG"))
    return buffer.getvalue()


def table_frame(data: Any) -> Any:
    """Return a table, given as a data frame or as a dictionary of columns, as a data frame."""
    import pandas

    if isinstance(data, pandas.DataFrame):
        return data
    if not isinstance(data, Mapping):
        raise _unknown("data", data, "a data frame or a dictionary of columns")
    columns = {
        key: values if isinstance(values, (list, tuple)) else [values]
        for key, values in data.items()
    }
    return pandas.DataFrame(columns)


def table_bytes(frame: Any) -> bytes:
    """Return a data frame as JSON in pandas' orient `split`, as MLflow stores tables."""
    return str(frame.to_json(orient="split", index=False)).encode()


def table_of(content: bytes) -> Any:
    """Return the data frame that `table_bytes` made into bytes."""
    import pandas

    table = json.loads(content)
    return pandas.DataFrame(table["data"], columns=table["columns"])


def joined_tables(first: Any, second: Any) -> Any:
    """Return the rows of two tables as one."""
    import pandas

    return pandas.concat([first, second], ignore_index=True)


def _pixels(image: Any) -> Any:
    import numpy

    array = numpy.asarray(image)
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in (2, 3) or channels not in (1, 3, 4):
        limit = "(height, width) or (height, width, 1, 3 or 4)"
        raise _unknown("image", f"an array of shape {array.shape}", limit)
    if array.ndim == 3 and channels == 1:
        array = array[:, :, 0]
    least, greatest = (array.min(), array.max()) if array.size else (0, 0)
    if array.dtype.kind == "b":
        return array.astype(numpy.uint8) * 255
    most = 1 if array.dtype.kind == "f" else 255
    if array.dtype.kind not in "iuf" or not 0 <= least <= greatest <= most:
        found = f"an array of {array.dtype} from {least} to {greatest}"
        raise _unknown("image", found, "integers of 0 to 255 or numbers of 0 to 1")
    return (array * 255).astype(numpy.uint8) if array.dtype.kind == "f" else array.astype("uint8")


def _plain(value: Any) -> Any:
    """Return what JSON can hold of a scalar or array of NumPy, or of a path; else its text."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _unknown(field: str, value: object, limit: str) -> InvalidArgument:
    shown = value if isinstance(value, str) else type(value).__name__
    return InvalidArgument(
        f"Invalid value {shown} for parameter '{field}' supplied: it must be {limit}",
        reason=f"{field.upper()}_UNKNOWN",
        field=field,
        value=shown,
        limit=limit,
    )
