"""Messages of the contract, made of what callers give."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from runstream.errors import InvalidArgument

Fields = ParamSpec("Fields")
Message = TypeVar("Message")


def new_message(
    kind: Callable[Fields, Message], *nothing: Fields.args, **fields: Fields.kwargs
) -> Message:
    """Return a message with these fields.

    Args:
        kind: its class.
        nothing: messages take no arguments by position.
        fields: its fields.

    Raises:
        InvalidArgument: a field is of another type, out of range, or no Unicode text.
    """
    try:
        return kind(*nothing, **fields)
    except (TypeError, ValueError) as error:
        name = _culprit(kind, fields)
        value = ascii(fields.get(name))
        raise InvalidArgument(
            f"Invalid value {value[:100]} for parameter '{name}' supplied: {error}",
            reason="FIELD_MALFORMED",
            field=name,
            value=value,
        ) from None


def _culprit(kind: Callable[..., object], fields: dict[str, object]) -> str:
    for name, value in fields.items():
        try:
            kind(**{name: value})
        except (TypeError, ValueError):
            return name
    return ""
