"""Keys of metrics and series for the tags of TensorBoard, which may be any bytes."""

from __future__ import annotations

from hashlib import sha256

from runstream.errors import InvalidArgument
from runstream.rules import KEY_CHARACTERS, check_key

#: Bytes in UTF-8 of the key of a series, which is a part of the name of its files.
SERIES_KEY_BYTES = 140

_DIGITS = 8


def make_key(tag: bytes) -> str:
    """Return the key of a tag: the tag, if a key can be so, or one that is like it.

    A key that is like it ends with `-` and 8 digits of a hash of the tag, so that those of two tags
    differ.
    """
    text = tag.decode(errors="replace")
    try:
        check_key("tag", text)
    except InvalidArgument:
        pass
    else:
        if text.encode() == tag:
            return text
    printable = "".join(c if c.isprintable() else "_" for c in text)
    parts = [part for part in printable.split("/") if part not in ("", ".", "..")]
    start = "/".join(parts)[: KEY_CHARACTERS - _DIGITS - 1].rstrip("/")
    return f"{start}-{_digest(tag)}"


def shorten_series_key(key: str) -> str:
    """Return the key of a series of files, which is shorter than that of a metric may be."""
    encoded = key.encode()
    if len(encoded) <= SERIES_KEY_BYTES:
        return key
    start = encoded[: SERIES_KEY_BYTES - _DIGITS - 1].decode(errors="ignore").rstrip("/")
    return f"{start}-{_digest(encoded)}"


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()[:_DIGITS]
