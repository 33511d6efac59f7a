"""Messages to JSON objects, as MLflow's clients expect them (W1 and W2 of docs/behaviour.md).

Names are those of the contract, 64-bit integers are numbers. Empty lists, unset messages and unset
optional fields are left out; other fields are there even if they are 0 or empty.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from runstream_service.http import mlflow
from runstream_service.http.contract import is_repeated

Converter = Callable[[Any], Any]


class Encoder:
    """Makes JSON objects of messages of one type."""

    def __init__(self, descriptor: Descriptor, double: Converter) -> None:
        """Prepare for a type.

        Args:
            descriptor: the type.
            double: turns doubles into what JSON can hold: `protobuf_double` or `mlflow_double`.
        """
        self._scalars: list[tuple[str, Converter | None]] = []
        self._optional: list[tuple[str, Converter | None]] = []
        self._lists: list[tuple[str, Converter | None]] = []
        for field in descriptor.fields:
            entry = (field.name, _type_converter(field, double))
            if is_repeated(field):
                self._lists.append(entry)
            elif field.has_presence:
                self._optional.append(entry)
            else:
                self._scalars.append(entry)
        self._omitted = mlflow.OMITTED_IF_EMPTY.get(descriptor.name, frozenset())
        if "next_page_token" in descriptor.fields_by_name:
            # MLflow's clients take a token that is there, even an empty one, for another page.
            self._omitted |= {"next_page_token"}
        self._aliases = mlflow.ANSWER_ALIASES.get(descriptor.name, {})

    def __call__(self, message: Message) -> dict[str, Any]:
        """Return the object of a message."""
        encoded: dict[str, Any] = {}
        for name, convert in self._scalars:
            value = getattr(message, name)
            encoded[name] = value if convert is None else convert(value)
        for name, convert in self._optional:
            if message.HasField(name):
                value = getattr(message, name)
                encoded[name] = value if convert is None else convert(value)
        for name, convert in self._lists:
            values = getattr(message, name)
            if values:
                encoded[name] = list(values) if convert is None else [convert(v) for v in values]
        for name in self._omitted:
            if not encoded[name]:
                del encoded[name]
        for alias, name in self._aliases.items():
            encoded[alias] = encoded[name]
        return encoded


def protobuf_double(value: float) -> float | str:
    """Return a double as Protobuf's JSON has it."""
    if math.isfinite(value):
        return value
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"


def mlflow_double(value: float) -> float | str:
    """Return a double as MLflow has it: the largest number for infinity (M3)."""
    if math.isfinite(value):
        return value
    return "NaN" if value != value else math.copysign(mlflow.MAX_DOUBLE, value)


def _type_converter(field: Any, double: Converter) -> Converter | None:
    match field.type:
        case FieldDescriptor.TYPE_MESSAGE:
            return Encoder(field.message_type, double)
        case FieldDescriptor.TYPE_ENUM:
            names = {value.number: value.name for value in field.enum_type.values}
            return names.__getitem__
        case FieldDescriptor.TYPE_DOUBLE:
            return double
        case _:
            return None
