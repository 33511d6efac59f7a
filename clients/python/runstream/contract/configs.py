"""Configurations as plain dictionaries, and as params with `.` between the names.

Like arrays, the objects of other libraries are known without importing those.
"""

from __future__ import annotations

import dataclasses
import enum
import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from functools import partial
from itertools import count
from types import FunctionType, SimpleNamespace
from typing import Any

from runstream import rules
from runstream.contract.array_values import array_shape, element_count, enum_value, nested_lists
from runstream.contract.params_and_tags import too_long_error
from runstream.errors import InvalidArgument

#: How deep a configuration may be nested.
MAX_DEPTH = 50

#: How many values a configuration may have; one that is in several places counts in each.
MAX_VALUES = 100_000

_KINDS = (
    "a mapping, a namespace of argparse, a dataclass, a model of pydantic, a class of attrs or a "
    "config of OmegaConf"
)


def plain_config(config: object) -> dict[str, Any]:
    """Return a configuration as nested dictionaries, lists and plain values.

    Args:
        config: a mapping, a namespace of argparse, a dataclass, a model of pydantic, a class of
            attrs or a config of OmegaConf, each of which may be in another.

    Raises:
        InvalidArgument: it is none of these, is nested too deep, or cannot be read.
    """
    plain = _plain("config", config, (), count(1))
    if not isinstance(plain, dict):
        raise InvalidArgument(
            f"Invalid value for parameter 'config' supplied: it must be {_KINDS}, "
            f"not {type(config).__name__}",
            reason="CONFIG_UNKNOWN",
            field="config",
            value=type(config).__name__,
            limit=_KINDS,
        )
    return plain


def flatten_config(plain: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values of a plain configuration, with `.` between the names that lead to each.

    A list is one value, unless dictionaries are in it: then its positions are names, too. What is
    empty is a value, so that nothing of a configuration is missing.

    Args:
        plain: what `plain_config` returned.
        prefix: name before all others.
    """
    for name, value in plain.items():
        key = f"{prefix}.{name}" if prefix else name
        below = value
        if isinstance(value, list) and any(isinstance(item, dict) for item in value):
            below = {str(position): item for position, item in enumerate(value)}
        if isinstance(below, dict) and below:
            yield from flatten_config(below, key)
        else:
            yield key, value


def _plain(path: str, value: object, above: tuple[object, ...], counter: Iterator[int]) -> Any:
    if next(counter) > MAX_VALUES:
        raise InvalidArgument(
            f"the config has more than {MAX_VALUES} values",
            reason="CONFIG_TOO_LARGE",
            field="config",
            value=path[:100],
            limit=MAX_VALUES,
        )
    if value is None or type(value) in (str, int, float, bool):
        return value
    if isinstance(value, enum.Enum):
        return enum_value(value)
    shape = array_shape(value)
    if shape is not None:
        return _array(path, value, shape)
    if isinstance(value, (str, int, float)):
        return value
    value = _resolve(path, value)
    pairs, items = _pairs(value), _items(value)
    if pairs is None and items is None:
        return _text(value)
    if len(above) == MAX_DEPTH or any(value is one for one in above):
        raise _nesting_error(path, len(above))
    above = (*above, value)
    if pairs is not None:
        found = {str(name): _plain(f"{path}.{name}", item, above, counter) for name, item in pairs}
        if len(found) < len(pairs):
            raise _repeated_name_error(path)
        return found
    return [
        _plain(f"{path}.{index}", item, above, counter) for index, item in enumerate(items or ())
    ]


def _array(path: str, value: Any, shape: tuple[int, ...]) -> Any:
    if shape == () and not hasattr(value, "numpy") and isinstance(value.tolist(), float):
        return float(str(value))  # 0.1 of a float32, and not 0.10000000149011612
    if element_count(shape) > rules.VALUE_CHARACTERS:
        raise too_long_error(path, f"an array of shape {shape}", value)
    return nested_lists(value)


def _items(value: object) -> Iterable[object] | None:
    """Return the items of what is like a list, None of anything else."""
    if isinstance(value, Set):  # in an order that does not change from one run to the next
        return sorted(value, key=str)
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray, range)):
        return value
    return None


def _pairs(value: Any) -> list[tuple[object, object]] | None:
    """Return the names and values of what is like a dictionary, None of anything else."""
    if isinstance(value, Mapping):
        return list(value.items())
    if isinstance(value, (Namespace, SimpleNamespace)):
        return list(vars(value).items())
    if isinstance(value, type):
        return None
    if dataclasses.is_dataclass(value):
        return [(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)]
    if hasattr(value, "__attrs_attrs__"):
        return [(field.name, getattr(value, field.name)) for field in value.__attrs_attrs__]
    if isinstance(value, tuple) and hasattr(value, "_fields"):  # a named one
        return list(zip(value._fields, value, strict=True))
    if isinstance(value, partial):
        return [("func", value.func), ("args", value.args), ("keywords", value.keywords)]
    return list(value) if _is_pydantic(value) else None


def _is_pydantic(value: object) -> bool:
    """Return whether this is a model of pydantic 1 or 2, which yields its fields as pairs."""
    return any(
        kind.__name__ == "BaseModel" and kind.__module__.partition(".")[0] == "pydantic"
        for kind in type(value).__mro__
    )


def _resolve(path: str, value: object) -> object:
    """Return a config of OmegaConf with its interpolations resolved, and others as they are.

    A value that is mandatory and missing is `???`, as in the file that it was read from.
    """
    omegaconf = sys.modules.get("omegaconf")
    if omegaconf is None or not omegaconf.OmegaConf.is_config(value):
        return value
    try:
        return omegaconf.OmegaConf.to_container(value, resolve=True)
    except omegaconf.errors.OmegaConfBaseException as error:
        raise InvalidArgument(
            f"{path} cannot be resolved: {error}", reason="CONFIG_UNRESOLVED", field="config"
        ) from None


def _text(value: object) -> str:
    """Return the text of a value; that of a class or function is the same in every process."""
    if isinstance(value, (type, FunctionType)):
        return f"{value.__module__}.{value.__qualname__}"
    return str(value)


def _nesting_error(path: str, depth: int) -> InvalidArgument:
    found = f"nested more than {MAX_DEPTH} deep" if depth == MAX_DEPTH else "in itself"
    return InvalidArgument(
        f"the config is {found} at {path[:100]}",
        reason="CONFIG_TOO_DEEP",
        field="config",
        value=path[:100],
        limit=MAX_DEPTH,
    )


def _repeated_name_error(path: str) -> InvalidArgument:
    return InvalidArgument(
        f"{path[:100]} has two names with the same text, such as 1 and '1'",
        reason="PARAM_REPEATED",
        field="config",
        value=path[:100],
        limit="names whose texts differ",
    )
