"""Sound and histograms as the bytes of a file."""

from __future__ import annotations

import io
import json
import warnings
import wave
from typing import Any

from runstream.errors import InvalidArgument
from runstream.files.optional_libraries import import_optional

#: Channels of a sound at most.
CHANNELS = 32

#: Bins of a histogram at most.
BINS = 10_000


def serialize_audio(samples: Any, sample_rate: int | None) -> bytes:
    """Return samples as a file of WAV.

    Args:
        samples: an array or a tensor of shape (samples), (samples, channels) or (channels,
            samples), of numbers of -1 to 1, which become 16 bits, or of integers of 8 (without a
            sign), 16 or 32 bits. Numbers beyond -1 to 1 are scaled to it, with a warning.
        sample_rate: samples a second.

    Raises:
        InvalidArgument: it is no such array, or the rate is missing.
    """
    array = _to_array(samples, "log_audio")
    if not isinstance(sample_rate, int) or sample_rate < 1:
        raise _invalid("sample_rate", repr(sample_rate), "samples a second, such as 16000")
    limit = f"an array of (samples), or (samples, channels) with at most {CHANNELS} channels"
    if array.ndim == 2 and array.shape[0] <= CHANNELS < array.shape[1]:
        array = array.T
    if array.ndim not in (1, 2) or (array.ndim == 2 and not 1 <= array.shape[1] <= CHANNELS):
        raise _invalid("audio", f"an array of shape {array.shape}", limit)
    if array.dtype.kind == "f":
        array = _to_16_bits(array)
    if array.dtype.name not in ("uint8", "int16", "int32"):
        raise _invalid("audio", f"an array of {array.dtype}", "numbers of -1 to 1, or integers")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1 if array.ndim == 1 else array.shape[1])
        file.setsampwidth(array.dtype.itemsize)
        file.setframerate(sample_rate)
        file.writeframes(array.astype(array.dtype.newbyteorder("<")).tobytes())
    return buffer.getvalue()


def serialize_histogram(values: Any, bins: Any) -> bytes:
    """Return how values are distributed as JSON: `edges`, `counts` and `not_finite`.

    Args:
        values: an array, a tensor or a list of numbers, of any shape.
        bins: how many bins of equal width there are, or their edges.

    Raises:
        InvalidArgument: they are no numbers, or no bins.
    """
    numpy = import_optional("numpy", "log_histogram")
    array = _to_array(values, "log_histogram")
    if array.dtype.kind not in "fiub":
        raise _invalid("values", f"an array of {array.dtype}", "numbers")
    if isinstance(bins, int) and not 1 <= bins <= BINS:
        raise _invalid("bins", str(bins), f"1 to {BINS}, or edges")
    flat = array.astype(numpy.float64).ravel()
    finite = flat[numpy.isfinite(flat)]
    try:
        counts, edges = numpy.histogram(finite, bins)
    except (TypeError, ValueError) as error:
        raise _invalid("bins", f"{type(bins).__name__}", f"a number or edges ({error})") from None
    found = {
        "edges": edges.tolist(),
        "counts": counts.tolist(),
        "not_finite": int(flat.size - finite.size),
    }
    return json.dumps(found).encode()


def _to_array(values: Any, purpose: str) -> Any:
    numpy = import_optional("numpy", purpose)
    if hasattr(values, "detach"):  # a tensor of torch, which may be on a GPU and be of bfloat16
        values = values.detach().cpu()
        values = values.float() if values.is_floating_point() else values
    array = numpy.asarray(values)
    # A type that NumPy does not know itself, as bfloat16 of JAX, has the kind of a structure.
    return array.astype(numpy.float64) if array.dtype.kind == "V" else array


def _to_16_bits(array: Any) -> Any:
    numpy = import_optional("numpy", "log_audio")
    peak = float(abs(array).max()) if array.size else 0.0
    if not numpy.isfinite(peak):
        raise _invalid("audio", "an array with NaN or an infinity", "finite numbers")
    if peak > 1:
        warnings.warn(
            f"log_audio got numbers up to {peak:g}, which are scaled to -1 to 1",
            RuntimeWarning,
            stacklevel=2,
        )
        array = array / peak
    return numpy.round(array * 32767).astype(numpy.int16)


def _invalid(field: str, found: str, limit: str) -> InvalidArgument:
    return InvalidArgument(
        f"Invalid value {found} for parameter '{field}' supplied: it must be {limit}",
        reason=f"{field.upper()}_UNKNOWN",
        field=field,
        value=found,
        limit=limit,
    )
