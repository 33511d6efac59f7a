"""The parameters of a launched program, and the command of an entry point with their values."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from string import Formatter
from urllib.parse import unquote, urlsplit

from runstream.errors import InvalidArgument, shorten
from runstream.launching.project import EntryPoint, Parameter

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def format_options(params: Mapping[str, str]) -> list[str]:
    """Return params as words of a command line, `--key value`."""
    return [word for key, value in params.items() for word in (f"--{key}", value)]


def build_command(
    point: EntryPoint, given: Mapping[str, str], folder: str
) -> tuple[str, dict[str, str]]:
    """Return the command line of an entry point, and the values of all its parameters.

    A value takes the place of `{NAME}` in the command, quoted for the shell. What is given and is
    no parameter of the entry point follows as `--key value`.

    Args:
        point: the entry point.
        given: values by name.
        folder: where defaults of the type `path` are; those that are given are in the current
            folder.

    Raises:
        InvalidArgument: a value is missing or not of its type, or the command names a parameter
            that there is not.
    """
    missing = [p.name for p in point.parameters.values() if p.default is None]
    missing = [name for name in missing if name not in given]
    if missing:
        raise InvalidArgument(
            f"the entry point {point.name!r} needs a value of {', '.join(missing)}: "
            f"give -P {missing[0]}=VALUE",
            reason="PARAMETER_MISSING",
            field=missing[0],
        )
    values = {name: given.get(name, p.default or "") for name, p in point.parameters.items()}
    resolved = {
        name: _resolve(parameter, values[name], os.curdir if name in given else folder)
        for name, parameter in point.parameters.items()
    }
    extra = {key: value for key, value in given.items() if key not in values}
    line = _substitute(point, {name: shlex.quote(value) for name, value in resolved.items()})
    return " ".join([line, *map(shlex.quote, format_options(extra))]), values | extra


def _resolve(parameter: Parameter, value: str, folder: str) -> str:
    """Return a value as the command gets it."""
    match parameter.type:
        case "float":
            _check_float(parameter, value)
        case "uri":
            if not _SCHEME.match(value):
                _refuse(parameter, value, "a URI")
        case "path":
            return _resolve_path(parameter, value, folder)
    return value


def _check_float(parameter: Parameter, value: str) -> None:
    try:
        float(value)
    except ValueError:
        _refuse(parameter, value, "a number")


def _resolve_path(parameter: Parameter, value: str, folder: str) -> str:
    if value.startswith("file:"):
        value = unquote(urlsplit(value).path)
    elif "://" in value and _SCHEME.match(value):
        _refuse(parameter, value, "a path on this computer: download it first")
    path = os.path.abspath(os.path.join(folder, os.path.expanduser(value)))
    if not os.path.exists(path):
        _refuse(parameter, value, "the path of a file or folder that is there")
    return path


def _substitute(point: EntryPoint, quoted: Mapping[str, str]) -> str:
    """Return the command of an entry point with values for `{NAME}`, and a brace for two."""
    try:
        named = [name for _, name, _, _ in Formatter().parse(point.command) if name is not None]
    except ValueError as error:
        raise InvalidArgument(
            f"the command of {point.name!r} is malformed, {error}: {shorten(point.command)}",
            reason="PROJECT_MALFORMED",
            field=f"entry_points.{point.name}.command",
            value=point.command,
        ) from None
    unknown = [name for name in named if name not in quoted]
    if unknown:
        raise InvalidArgument(
            f"the command of {point.name!r} names {{{unknown[0]}}}, which is none of its "
            f"parameters ({', '.join(quoted) or 'it has none'}); a brace is written twice",
            reason="PROJECT_MALFORMED",
            field=f"entry_points.{point.name}.command",
            value=unknown[0],
        )
    return point.command.format_map(quoted)


def _refuse(parameter: Parameter, value: str, limit: str) -> None:
    raise InvalidArgument(
        f"Invalid value {shorten(repr(value))} for the parameter {parameter.name!r} of the type "
        f"{parameter.type}: it must be {limit}",
        reason="PARAMETER_MALFORMED",
        field=parameter.name,
        value=value,
        limit=limit,
    )
