"""The encoding of Aim's keys and values in RocksDB.

A key is a path: texts in UTF-8, and whole numbers as 0xFE and 8 bytes, big-endian. 0xFE, which
UTF-8 never has, ends each. A value is a byte that says its type, and then the value, little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any

END = b"\xfe"

_NONE, _BOOL, _INT, _FLOAT, _TEXT, _BYTES, _ARRAY, _OBJECT = range(8)
_CUSTOM = 15

#: The name in a tree of the type of an object of Aim, such as `aim.image`.
TYPE = ""


def encode_path(*parts: str | int) -> bytes:
    """Return the key of a path, or the prefix of all below it."""
    return b"".join(
        (part.encode() if isinstance(part, str) else END + struct.pack(">q", part)) + END
        for part in parts
    )


def decode_path(key: bytes) -> list[str | int]:
    """Return the parts of a path.

    Raises:
        ValueError, struct.error: it is none.
    """
    parts: list[str | int] = []
    place = 0
    while place < len(key):
        if key[place] == END[0]:
            parts.append(struct.unpack_from(">q", key, place + 1)[0])
            place += 10
        else:
            end = key.index(END, place)
            parts.append(key[place:end].decode())
            place = end + 1
    return parts


def decode_value(content: bytes) -> Any:
    """Return a value; a dictionary for the beginning of an object, a list or an object of Aim.

    Raises:
        ValueError, struct.error, IndexError: it is none.
    """
    kind, rest = content[0], content[1:]
    if kind == _NONE:
        return None
    if kind == _BOOL:
        return rest != b"\x00"
    if kind == _INT:
        return struct.unpack("<q", rest)[0]
    if kind == _FLOAT:
        return struct.unpack("<d", rest)[0]
    if kind == _TEXT:
        return rest.decode()
    if kind == _BYTES:
        return rest
    if kind in (_ARRAY, _OBJECT):
        return {}
    if kind == _CUSTOM:
        return {TYPE: rest.decode()}
    raise ValueError(f"a value of the unknown type {kind}")


def decode_numbers(contents: list[bytes]) -> list[Any]:
    """Return many values; those that are all of one type of number at once.

    Raises:
        ValueError, struct.error, IndexError: one is none.
    """
    if contents and set(map(len, contents)) == {9}:
        joined = b"".join(contents)
        kinds = set(joined[::9])
        if kinds == {_FLOAT}:
            return list(struct.unpack("<" + "xd" * len(contents), joined))
        if kinds == {_INT}:
            return list(struct.unpack("<" + "xq" * len(contents), joined))
    return [decode_value(content) for content in contents]


def build_tree(items: Iterable[tuple[list[str | int], Any]]) -> Any:
    """Return the object of paths and values; what has only numbers for names is a list."""
    root: dict[str | int, Any] = {}
    for path, value in items:
        node: Any = root
        for part in path[:-1]:
            node = node.setdefault(part, {})
        if path and not (isinstance(value, dict) and isinstance(node.get(path[-1]), dict)):
            node[path[-1]] = value
        elif not path and isinstance(value, dict):
            root.update(value)
    return _with_lists(root)


def _with_lists(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    below = {part: _with_lists(value) for part, value in node.items()}
    if below and all(isinstance(part, int) for part in below):
        return [below[part] for part in sorted(below)]
    return below
