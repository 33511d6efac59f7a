"""Converts params and tags from the forms that callers give to the texts that are stored."""

from __future__ import annotations

import dataclasses
import enum
import sys
from collections.abc import Callable, Iterable, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal

from runstream import rules
from runstream.contract.array_values import (
    array_shape,
    element,
    element_count,
    enum_value,
    nested_lists,
)
from runstream.errors import InvalidArgument

if TYPE_CHECKING:
    from argparse import Namespace

    from _typeshed import DataclassInstance

    #: Keys and values: a mapping, pairs, a namespace of argparse, or a dataclass. A model of
    #: pydantic is pairs.
    Pairs = (
        Mapping[str, object]
        | Iterable[tuple[str, object]]
        | Namespace
        | SimpleNamespace
        | DataclassInstance
    )
else:
    Pairs = object

#: What becomes of a call that logs several things when one of them breaks its rule: the call
#: raises and logs none of them, or it leaves that one out, with one warning for each metric, param
#: or tag.
OnError = Literal["raise", "skip"]

#: Called with `params` or `tags`, a key, and the error of the rule that it breaks.
OnInvalid = Callable[[str, object, InvalidArgument], None]


def to_pairs(field: str, given: Pairs) -> list[tuple[str, Any]]:
    """Return keys and values in the order in which they were given.

    Args:
        field: `metrics`, `params` or `tags`.
        given: a mapping, such as a DictConfig of OmegaConf; pairs; a namespace, whose attributes
            are the pairs; or a dataclass or a class of attrs, whose fields are the pairs.

    Raises:
        InvalidArgument: it is none of these.
    """
    if type(given) is dict:  # as a rule, and calls that log each step should be fast
        return list(given.items())
    argparse = sys.modules.get("argparse")
    if dataclasses.is_dataclass(given) and not isinstance(given, type):
        return [(field.name, getattr(given, field.name)) for field in dataclasses.fields(given)]
    if hasattr(given, "__attrs_attrs__") and not isinstance(given, type):
        return [(field.name, getattr(given, field.name)) for field in given.__attrs_attrs__]
    if isinstance(given, SimpleNamespace) or (argparse and isinstance(given, argparse.Namespace)):
        return list(vars(given).items())
    try:
        if isinstance(given, Mapping):
            return list(given.items())
        return [(key, value) for key, value in given]  # type: ignore[union-attr]
    except (TypeError, ValueError) as error:
        raise InvalidArgument(
            f"{field} must be a mapping, pairs, a namespace or a dataclass, "
            f"not {type(given).__name__} ({error})",
            reason="PAIRS_MALFORMED",
            field=field,
            value=type(given).__name__,
            limit="a mapping, pairs, a namespace or a dataclass",
        ) from None


def to_texts(field: str, given: Pairs, on_invalid: OnInvalid | None = None) -> dict[str, str]:
    """Return params or tags as texts (M1, P2).

    Args:
        field: `params` or `tags`.
        given: see `to_pairs`.
        on_invalid: called with what breaks a rule, which is left out; None to raise the error.

    Raises:
        InvalidArgument: a key or value breaks its rule, or a param comes twice (P5).
    """
    texts: dict[str, str] = {}
    for key, value in to_pairs(field, given):
        try:
            texts[key] = _text(field, key, value, texts)
        except InvalidArgument as error:
            if on_invalid is None:
                raise
            on_invalid(field, key, error)
    return texts


def skips_errors(on_error: OnError) -> bool:
    """Return whether a call leaves out what breaks a rule; raises InvalidArgument if unknown."""
    if on_error not in ("raise", "skip"):
        raise InvalidArgument(
            f"Invalid value {on_error!r} for parameter 'on_error' supplied: "
            "it must be 'raise' or 'skip'",
            reason="ON_ERROR_UNKNOWN",
            field="on_error",
            value=on_error,
            limit="raise, skip",
        )
    return on_error == "skip"


def to_text(field: str, value: object) -> str:
    """Return a value of a param or a tag as the text that is stored (P2).

    It is `str(value)`. But a tensor of no dimension is its element, an array or a tensor of several
    is a list of all its elements, and a member of an enum is what `enum_value` says.

    Args:
        field: such as `params.lr`.
        value: the value.

    Raises:
        InvalidArgument: the text breaks its rule.
    """
    shape = None
    if isinstance(value, enum.Enum):
        value = enum_value(value)
    elif type(value) not in (str, int, float, bool):
        shape = array_shape(value)
    if shape:
        if element_count(shape) > rules.VALUE_CHARACTERS:
            raise too_long_error(field, f"an array of shape {shape}", value)
        value = nested_lists(value)
    elif shape is not None and hasattr(value, "numpy"):  # the text of a tensor is for people
        value = element(value)
    text = str(value)
    if len(text) > rules.VALUE_CHARACTERS:
        raise too_long_error(field, f"{len(text)} characters", text)
    rules.check_text(field, text)
    return text


def too_long_error(field: str, found: str, value: object) -> InvalidArgument:
    """Return the error of a value that is too long for a param or a tag (P2)."""
    text = value[:50] if isinstance(value, str) else type(value).__name__
    return InvalidArgument(
        f"{field} has {found}, the limit is {rules.VALUE_CHARACTERS} characters: {text!r}…; "
        "log_text, log_dict and log_table keep what is longer as an artifact",
        reason="VALUE_TOO_LONG",
        field=field,
        value=text,
        limit=rules.VALUE_CHARACTERS,
    )


def _text(field: str, key: str, value: object, earlier: Mapping[str, str]) -> str:
    rules.check_key("key", key)
    text = to_text(f"{field}.{key}", value)
    if field == "params" and earlier.get(key, text) != text:
        raise InvalidArgument(
            f"params.{key} is twice in one call", reason="PARAM_REPEATED", field=f"params.{key}"
        )
    return text
