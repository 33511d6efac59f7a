"""Reading JSON that a caller sent, which may be large, deep, or no JSON at all."""

from __future__ import annotations

import json
from typing import Any

import orjson

from runstream_service.http.errors import BadRequest

#: Objects and lists in a text, each of which takes far more memory than its brackets.
OBJECTS = 100_000
#: Commas in a text, with each of which there may be another value.
VALUES = 4_000_000

# Commas beyond which Python code reads a text rather than C code, which would let no other thread
# run until it is done. Each is a value, or stands in one.
_MAX_COMMAS_IN_C = 50_000

# Bytes that are counted at once, because that lets no other thread run, either.
_COUNTED_BYTES = 1024 * 1024

_python_decoder: Any = json.JSONDecoder()
_python_decoder.scan_once = json.scanner.py_make_scanner(_python_decoder)  # type: ignore[attr-defined]


def read_json(text: bytes | bytearray, what: str) -> Any:
    """Return what a text says; NaN and the infinities may be as Python writes them.

    Args:
        text: the text.
        what: what the text is to its sender, such as a body.

    Raises:
        BadRequest: it is no JSON, or holds too much.
    """
    commas = _count(text, b",")
    if commas > VALUES:
        raise _too_many_error(what, VALUES, "values")
    if _count(text, b"{") + _count(text, b"[") > OBJECTS:
        raise _too_many_error(what, OBJECTS, "objects and lists")
    try:
        if commas > _MAX_COMMAS_IN_C:
            return _python_decoder.decode(text.decode())
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            return json.loads(text)  # which knows NaN and Infinity
    except (ValueError, RecursionError) as error:
        raise BadRequest(
            f"The {what} is not JSON: {error}", reason="BODY_MALFORMED", field="body"
        ) from None


def _count(text: bytes | bytearray, character: bytes) -> int:
    starts = range(0, len(text), _COUNTED_BYTES)
    return sum(text.count(character, start, start + _COUNTED_BYTES) for start in starts)


def _too_many_error(what: str, limit: int, of: str) -> BadRequest:
    return BadRequest(
        f"The {what} holds more than {limit} {of}",
        reason="BODY_TOO_LARGE",
        field="body",
        limit=limit,
    )
