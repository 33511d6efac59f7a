"""Figures, images and dictionaries as the bytes of a file.

The libraries of the figures and images are imported when one is serialized.
"""

from __future__ import annotations

import io
import json
import reprlib
import warnings
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from runstream.errors import InvalidArgument
from runstream.files.optional_libraries import import_optional

_YAML = (".yaml", ".yml")


def serialize_text(text: str, field: str = "text") -> bytes:
    """Return a text in UTF-8; raises InvalidArgument if it is no text, or not Unicode."""
    if not isinstance(text, str):
        raise InvalidArgument(
            f"Invalid value {reprlib.repr(text)} for parameter '{field}' supplied: "
            f"it must be a text, not {type(text).__name__}",
            reason="VALUE_NOT_TEXT",
            field=field,
            value=reprlib.repr(text),
            limit="a text",
        )
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise InvalidArgument(
            f"{field} has a lone surrogate at character {error.start}, which is not Unicode text",
            reason="VALUE_NOT_UNICODE",
            field=field,
            value=ascii(text[:100]),
            limit="Unicode text",
        ) from None


def serialize_dictionary(dictionary: Any, path: str) -> bytes:
    """Return a dictionary, or a list, as YAML if the path ends so, else as JSON.

    Values that neither format has are written alike in both: an array or a scalar of NumPy as what
    its `tolist` returns, and anything else as its text.
    """
    try:
        if PurePosixPath(path).suffix in _YAML:
            text = _dump_yaml(dictionary)
        else:
            text = json.dumps(dictionary, indent=2, default=_to_json_value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidArgument(
            f"Invalid value for parameter 'dictionary' supplied: {error}",
            reason="DICTIONARY_MALFORMED",
            field="dictionary",
            value=type(dictionary).__name__,
            limit="what JSON can hold",
        ) from None
    return serialize_text(text, "dictionary")


def parse_dictionary(content: bytes, path: str) -> Any:
    """Return the dictionary or list that `serialize_dictionary` wrote."""
    if PurePosixPath(path).suffix in _YAML:
        return import_optional("yaml", "a file of YAML").safe_load(content)
    return json.loads(content)


def serialize_figure(figure: Any, path: str, options: Mapping[str, Any] | None = None) -> bytes:
    """Return a figure of Matplotlib or Plotly in the format of the path's suffix, of Bokeh as HTML.

    HTML has all that the figure needs in it, so that it shows without a network.

    Args:
        figure: the figure.
        path: path of the file.
        options: further arguments of the method of the figure that writes it.
    """
    suffix = PurePosixPath(path).suffix.lstrip(".").lower()
    options = dict(options or {})
    if hasattr(figure, "savefig"):
        buffer = io.BytesIO()
        figure.savefig(buffer, **{"format": suffix or "png"} | options)
        return buffer.getvalue()
    if hasattr(figure, "write_html"):
        if suffix in ("", "html"):
            options.pop("auto_open", None)  # of `write_html`; here nothing is opened
            return serialize_text(figure.to_html(**{"include_plotlyjs": True} | options), "figure")
        return bytes(figure.to_image(**{"format": suffix} | options))
    if suffix in ("", "html") and _is_of_bokeh(figure):
        embed = import_optional("bokeh.embed", "log_figure")
        inline = import_optional("bokeh.resources", "log_figure").INLINE
        return serialize_text(embed.file_html(figure, **{"resources": inline} | options), "figure")
    limit = "a figure of Matplotlib or Plotly, or one of Bokeh for a file of HTML"
    raise _unknown_error("figure", figure, limit)


def _is_of_bokeh(figure: Any) -> bool:
    """Return whether it is a model of Bokeh: a figure, or a layout of several."""
    return any(kind.__module__ == "bokeh.model.model" for kind in type(figure).__mro__)


def serialize_image(image: Any, path: str) -> bytes:
    """Return an image of Pillow, or an array, in the format of the path's suffix; PNG by default.

    An array has the shape (height, width) or (height, width, channels) with 1, 3 or 4 channels,
    and holds integers of 0 to 255, numbers of 0 to 1, or booleans. Numbers beyond 0 to 1 are scaled
    to it, with a warning, as MLflow does it.
    """
    image_module = import_optional("PIL.Image", "log_image")
    if hasattr(image, "to_pil"):  # an image of MLflow
        image = image.to_pil()
    if not isinstance(image, image_module.Image):
        image = image_module.fromarray(_to_pixels(image))
    formats = image_module.registered_extensions()
    suffix = PurePosixPath(path).suffix.lower()
    buffer = io.BytesIO()
    image.save(buffer, format=formats.get(suffix, "PNG"))
    return buffer.getvalue()


def _dump_yaml(dictionary: Any) -> str:
    yaml = import_optional("yaml", "a file of YAML")

    class Dumper(yaml.SafeDumper):  # type: ignore[misc,name-defined] # it is imported above
        """Writes subclasses as their base, and what YAML lacks as JSON has it."""

    for base in (dict, list, tuple, str, bool, int, float):
        Dumper.add_multi_representer(base, yaml.SafeDumper.yaml_representers[base])
    Dumper.add_multi_representer(
        object, lambda dumper, value: dumper.represent_data(_to_json_value(value))
    )
    return str(yaml.dump(dictionary, Dumper=Dumper, sort_keys=False, allow_unicode=True))


def _to_pixels(image: Any) -> Any:
    numpy = import_optional("numpy", "log_image of an array")
    array = numpy.asarray(image)
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in (2, 3) or channels not in (1, 3, 4):
        limit = "(height, width) or (height, width, 1, 3 or 4)"
        raise _unknown_error("image", f"an array of shape {array.shape}", limit)
    if array.ndim == 3 and channels == 1:
        array = array[:, :, 0]
    low, high = (array.min(), array.max()) if array.size else (0, 0)
    found = f"an array of {array.dtype} from {low} to {high}"
    limit = "integers of 0 to 255 or finite numbers"
    if array.dtype.kind == "b":
        return array.astype(numpy.uint8) * 255
    if array.dtype.kind == "f":
        if not numpy.isfinite(low) or not numpy.isfinite(high):  # NaN is both
            raise _unknown_error("image", found, limit)
        if low < 0 or high > 1:
            warnings.warn(
                f"log_image got {found}, which is scaled to 0 to 1", RuntimeWarning, stacklevel=2
            )
            array = array.astype(numpy.float64)
            span = array.max() - array.min()
            array = (array - array.min()) / span if span else numpy.clip(array, 0, 1)
        return (array * 255).astype(numpy.uint8)
    if array.dtype.kind not in "iu" or not 0 <= low <= high <= 255:
        raise _unknown_error("image", found, limit)
    return array.astype("uint8")


def _to_json_value(value: Any) -> Any:
    """Return what JSON can hold of a scalar or array of NumPy, or of a path; else its text."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _unknown_error(field: str, value: object, limit: str) -> InvalidArgument:
    shown = value if isinstance(value, str) else type(value).__name__
    return InvalidArgument(
        f"Invalid value {shown} for parameter '{field}' supplied: it must be {limit}",
        reason=f"{field.upper()}_UNKNOWN",
        field=field,
        value=shown,
        limit=limit,
    )
