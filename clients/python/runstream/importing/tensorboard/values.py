"""What the values of events are: numbers of metrics, and files of series."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from runstream.importing.tensorboard.media import serialize_buckets
from runstream.importing.tensorboard.tensors import (
    read_numbers,
    read_scalar,
    read_shape,
    read_texts,
)

_BUCKET_COLUMNS = 3  # left edge, right edge, count


class SeriesFiles(NamedTuple):
    """Files of a series at a step; without a suffix, their content tells it."""

    folder: str
    suffix: str
    contents: Sequence[bytes]


def read_value(value: Any, plugin: bytes) -> float | SeriesFiles | None:
    """Return the number or the files of a value, None if it is of a kind that has no place here.

    Args:
        value: a message `Value`.
        plugin: the plugin of TensorBoard that its tag belongs to, empty if none is known.

    Raises:
        ValueError: it is malformed.
    """
    if value.HasField("simple_value"):
        return float(value.simple_value)
    if value.HasField("image"):
        return SeriesFiles("images", "", [value.image.encoded_image_string])
    if value.HasField("audio"):
        return SeriesFiles("audio", "", [value.audio.encoded_audio_string])
    if value.HasField("histo"):
        return SeriesFiles("histograms", ".json", [_read_histogram(value.histo)])
    if value.HasField("tensor") and plugin == b"scalars":
        return read_scalar(value.tensor)
    if value.HasField("tensor") and plugin in _FILES:
        return _FILES[plugin](value.tensor)
    return None


def _read_histogram(histogram: Any) -> bytes:
    """Return a histogram whose buckets end at limits: the first begins at the smallest value."""
    limits, counts = histogram.bucket_limit, histogram.bucket
    if len(limits) != len(counts):
        raise ValueError(f"a histogram of {len(limits)} limits for {len(counts)} buckets")
    full = [i for i, count in enumerate(counts) if count > 0]
    if not full:
        return _serialize_empty()
    first, last = full[0], full[-1] + 1
    inner = [float(limit) for limit in limits[first : last - 1]]
    left = max(histogram.min, limits[first - 1]) if first else histogram.min
    right = min(histogram.max, limits[last - 1])
    # Smallest and largest value may be rounded otherwise than the limits.
    edges = [min(left, *inner, right), *inner, max(left, *inner, right)]
    return serialize_buckets(edges, counts[first:last])


def _read_buckets(tensor: Any) -> SeriesFiles:
    """Return a histogram that is a tensor of left edges, right edges and counts."""
    numbers, shape = read_numbers(tensor), read_shape(tensor)
    if len(numbers) % _BUCKET_COLUMNS or shape[1:] != [_BUCKET_COLUMNS]:
        raise ValueError(f"a histogram of the shape {shape}, which is not (buckets, 3)")
    lefts, rights, counts = (numbers[i::_BUCKET_COLUMNS] for i in range(_BUCKET_COLUMNS))
    content = serialize_buckets([*lefts, rights[-1]], counts) if sum(counts) else _serialize_empty()
    return SeriesFiles("histograms", ".json", [content])


def _serialize_empty() -> bytes:
    return serialize_buckets([0.0, 1.0], [0.0])


def _read_images(tensor: Any) -> SeriesFiles:
    return SeriesFiles("images", "", read_texts(tensor)[2:])  # behind their width and height


def _read_audio(tensor: Any) -> SeriesFiles:
    sounds, shape = read_texts(tensor), read_shape(tensor)
    labels = math.prod(shape[1:]) if len(shape) > 1 else 1  # each sound may have a label behind it
    return SeriesFiles("audio", "", sounds[:: labels or 1])


def _read_text(tensor: Any) -> SeriesFiles:
    text = b"\n\n".join(read_texts(tensor))
    return SeriesFiles("texts", ".md", [text.decode(errors="replace").encode()])


_FILES: dict[bytes, Callable[[Any], SeriesFiles]] = {
    b"images": _read_images,
    b"audio": _read_audio,
    b"text": _read_text,
    b"histograms": _read_buckets,
}
