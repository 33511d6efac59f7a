"""Messages of the contract, made of the values that callers give."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from runstream.errors import InvalidArgument
from runstream.v1.write_pb2 import WriteId

Fields = ParamSpec("Fields")
Message = TypeVar("Message")


def new_message(
    kind: Callable[Fields, Message], /, *args: Fields.args, **fields: Fields.kwargs
) -> Message:
    """Return a message with these fields.

    Args:
        kind: its class.
        args: messages take no arguments by position.
        fields: its fields.

    Raises:
        InvalidArgument: a field is of another type, out of range, or no Unicode text.
    """
    try:
        return kind(*args, **fields)
    except (TypeError, ValueError) as error:
        name = _invalid_field(kind, fields)
        value = ascii(fields.get(name))
        raise InvalidArgument(
            f"Invalid value {value[:100]} for parameter '{name}' supplied: {error}",
            reason="FIELD_MALFORMED",
            field=name,
            value=value,
        ) from None


def ensure_write_id(request: Any) -> None:
    """Give a request that writes an id, if it has none; its repetitions have the same (P3)."""
    if "write" in request.DESCRIPTOR.fields_by_name and not request.HasField("write"):
        request.write.CopyFrom(WriteId(writer=secrets.token_hex(16), sequence=1))


def _invalid_field(kind: Callable[..., object], fields: dict[str, object]) -> str:
    for name, value in fields.items():
        try:
            kind(**{name: value})
        except (TypeError, ValueError):
            return name
    return ""
