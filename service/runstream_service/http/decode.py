"""JSON to messages, as forgiving as MLflow's clients need it (W1 of docs/behaviour.md).

Names are those of the contract or camelCase, unknown ones are passed over, null is absent. A number
may come as a text, and NaN and the infinities as `NaN`, `Infinity` and `-Infinity`.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Callable
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from starlette.datastructures import QueryParams

from runstream.errors import InvalidArgument
from runstream_service.http import mlflow
from runstream_service.http.contract import is_repeated

_INT32 = (-(2**31), 2**31 - 1)
_INT64 = (-(2**63), 2**63 - 1)
_LIMITS = {
    FieldDescriptor.TYPE_INT32: _INT32,
    FieldDescriptor.TYPE_INT64: _INT64,
    FieldDescriptor.TYPE_SFIXED64: _INT64,
    FieldDescriptor.TYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.TYPE_UINT64: (0, 2**64 - 1),
}
# A longer text is not a number of any type, and Python takes seconds to parse a very long one.
_NUMBER_CHARACTERS = 400

# Errors quote values shortened: a caller may nest them a thousand deep, or send megabytes.
_SHORTENED = reprlib.Repr()
_SHORTENED.maxlevel = 3
_SHORTENED.maxstring = _SHORTENED.maxother = _SHORTENED.maxlong = 200

# Fields whose values no error quotes: secrets of webhooks, and their addresses, which have some.
_SECRETS = ("webhook", "destinations")

_BOOLEANS = {"true": True, "false": False}

Converter = Callable[[Any], Any]


class FieldError(Exception):
    """A value is not of the type of its field; `path` grows on the way out."""

    def __init__(self, value: object, expected: str) -> None:
        super().__init__(value)
        self.value = value
        self.expected = expected
        self.missing = False
        self.path = ""

    def add_parent(self, name: str) -> FieldError:
        """Put a name before the path, and return the error."""
        separator = "." if self.path and not self.path.startswith("[") else ""
        self.path = f"{name}{separator}{self.path}"
        return self

    def to_invalid_argument(self) -> InvalidArgument:
        """Return the error that answers the caller (X3)."""
        if self.missing:
            return InvalidArgument(
                f"Missing value for required parameter '{self.path}'",
                reason="FIELD_MISSING",
                field=self.path,
            )
        value = _SHORTENED.repr(self.value)
        shown = self.value if isinstance(self.value, str) else value
        if self.path.startswith(_SECRETS):
            value = shown = "(not shown)"
        return InvalidArgument(
            f"Invalid value {value} for parameter '{self.path}' supplied: "
            f"it must be {self.expected}",
            reason="FIELD_MALFORMED",
            field=self.path,
            value=shown,
            limit=self.expected,
            type=type(self.value).__name__,
        )


class Decoder:
    """Makes messages of one type."""

    def __init__(self, descriptor: Descriptor) -> None:
        self._make: Callable[..., Message] = GetMessageClass(descriptor)
        self._required = mlflow.REQUIRED.get(descriptor.name, ())
        self._defaults = mlflow.DEFAULTS.get(descriptor.name, {})
        self._fields: dict[str, tuple[str, Converter]] = {}
        for field in descriptor.fields:
            entry = (field.name, _field_converter(field))
            self._fields[field.name] = self._fields[field.camelcase_name] = entry
        for name, pattern in mlflow.PATTERNS.get(descriptor.name, {}).items():
            self._fields[name] = (name, _pattern_converter(pattern))
        self._lists = {
            name
            for field in descriptor.fields
            if is_repeated(field)
            for name in (field.name, field.camelcase_name)
        }
        for old, name in mlflow.REQUEST_ALIASES.get(descriptor.name, {}).items():
            self._fields[old] = self._fields[name]

    def decode_query(self, query: QueryParams, **more: str) -> Message:
        """Return the message of a query and of the variables of the path; raises as `decode`."""
        values = {
            name: query.getlist(name) if name in self._lists else query[name] for name in query
        }
        return self.decode({**values, **more})

    def decode(self, value: object) -> Message:
        """Return the message of a JSON object.

        Raises:
            InvalidArgument: a value is of the wrong type, or a required one is missing.
        """
        try:
            return self(value)
        except FieldError as error:
            raise error.to_invalid_argument() from None

    def __call__(self, value: object) -> Message:
        if type(value) is not dict:
            raise FieldError(value, "an object")
        found = self._defaults.copy()
        fields = self._fields
        for name, item in value.items():
            field = fields.get(name)
            if field is not None and item is not None:
                try:
                    found[field[0]] = field[1](item)
                except FieldError as error:
                    raise error.add_parent(name) from None
        for name in self._required:
            if found.get(name, "") == "":
                raise _missing_error(name)
        return self._make(**found)


def _missing_error(name: str) -> FieldError:
    # A function of its own, because the traceback of an error in a local variable keeps all values.
    error = FieldError(None, "there")
    error.missing = True
    return error.add_parent(name)


def _field_converter(field: Any) -> Converter:
    convert = _type_converter(field)
    return _list_converter(convert) if is_repeated(field) else convert


def _type_converter(field: Any) -> Converter:
    match field.type:
        case FieldDescriptor.TYPE_MESSAGE:
            return Decoder(field.message_type)
        case FieldDescriptor.TYPE_ENUM:
            return _enum_converter(field.enum_type)
        case FieldDescriptor.TYPE_STRING:
            return _to_text
        case FieldDescriptor.TYPE_DOUBLE:
            return _to_double
        case FieldDescriptor.TYPE_BOOL:
            return _to_boolean
        case kind:
            return _integer_converter(*_LIMITS[kind])


def _list_converter(convert: Converter) -> Converter:
    def converted(value: Any) -> list[Any]:
        if type(value) is not list:
            raise FieldError(value, "a list")
        result: list[Any] = []
        try:
            for item in value:
                result.append(convert(item))  # its length says which one failed
        except FieldError as error:
            raise error.add_parent(f"[{len(result)}]") from None
        return result

    return converted


def _enum_converter(descriptor: EnumDescriptor) -> Converter:
    numbers = {value.name: value.number for value in descriptor.values}
    expected = f"one of {', '.join(numbers)}"

    def converted(value: Any) -> int:
        number = numbers.get(value) if isinstance(value, str) else value
        if type(number) is not int or not _INT32[0] <= number <= _INT32[1]:
            raise FieldError(value, expected)
        return number

    return converted


def _to_text(value: Any) -> str:
    if type(value) is not str:
        raise FieldError(value, "a text")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise FieldError(value, "Unicode text, without lone surrogates") from None
    return value


def _pattern_converter(pattern: re.Pattern[str]) -> Converter:
    def converted(value: Any) -> str:
        if value and not pattern.fullmatch(_to_text(value)):
            raise FieldError(value, f"of the form {pattern.pattern}")
        return _to_text(value)

    return converted


def _to_double(value: Any) -> float:
    if type(value) is float:
        return value
    try:
        if type(value) is int or (type(value) is str and len(value) <= _NUMBER_CHARACTERS):
            return float(value)
    except (ValueError, OverflowError):
        pass
    raise FieldError(value, "a number")


def _integer_converter(minimum: int, maximum: int) -> Converter:
    expected = f"an integer from {minimum} to {maximum}"

    def converted(value: Any) -> int:
        if type(value) is int and minimum <= value <= maximum:
            return value
        number = _to_integer(value)
        if number is None or not minimum <= number <= maximum:
            raise FieldError(value, expected)
        return number

    return converted


def _to_integer(value: Any) -> int | None:
    """Return the integer that a float or a text stands for, such as R's `1.7e+12`."""
    try:
        if type(value) is str and len(value) <= _NUMBER_CHARACTERS:
            try:
                return int(value)
            except ValueError:
                value = float(value)
        if type(value) is float and value.is_integer():
            return int(value)
    except (ValueError, OverflowError):
        pass
    return None


def _to_boolean(value: Any) -> bool:
    found = _BOOLEANS.get(value.lower()) if type(value) is str else value
    if type(found) is not bool:
        raise FieldError(value, "true or false")
    return found
