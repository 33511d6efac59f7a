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

# What begins a part of a command that the shell reads by other rules than plain words: a
# substitution, a text of its own, arithmetic, a comment.
_NESTED = re.compile(r"[`#]|\$[({\['\"]|<<|\(\(|\[\[|\w\[|\blet\b")

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
    line = _substitute(point, resolved)
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


def _substitute(point: EntryPoint, values: Mapping[str, str]) -> str:
    """Return the command of an entry point with values for `{NAME}`, and a brace for two."""
    try:
        parts = list(Formatter().parse(point.command))
    except ValueError as error:
        raise _command_error(point, f"it is malformed, {error}") from None
    line, before = "", ""  # the line with values, and with a letter for each value
    for text, name, specification, conversion in parts:
        line, before = line + text, before + text
        if name is None:
            continue
        if name not in values:
            known = ", ".join(values) or "it has none"
            raise _command_error(
                point, f"{{{name}}} is none of its parameters ({known}); a brace is written twice"
            )
        if specification or conversion:
            raise _command_error(point, f"{{{name}}} has a format: a value is given as it is")
        line += _quote(point.parameters[name], values[name], before)
        before += "x"
    if "\0" in line:
        raise _command_error(point, "a command has no NUL characters")
    return line


def _quote(parameter: Parameter, value: str, before: str) -> str:
    """Return a value as it stands in the command; `before` is what the shell has read by then.

    Where quotes of ours would end quotes of the command, only a value that needs none is safe.
    """
    try:
        shlex.split(before)
        is_plain = not _NESTED.search(before)
    except ValueError:  # a quotation that is open, or a backslash
        is_plain = False
    quoted = shlex.quote(value)
    if is_plain:
        return quoted
    if value and quoted != value:
        _refuse(
            parameter,
            value,
            "letters, digits or any of @%+=:,./-_ where the command has {NAME} within quotes, a "
            "substitution or a comment: take {NAME} out of these, as values are quoted",
        )
    return value


def _command_error(point: EntryPoint, why: str) -> InvalidArgument:
    return InvalidArgument(
        f"the command of {point.name!r} cannot be used: {shorten(why)}",
        reason="PROJECT_MALFORMED",
        field=f"entry_points.{point.name}.command",
        value=point.command,
    )


def _refuse(parameter: Parameter, value: str, limit: str) -> None:
    raise InvalidArgument(
        f"Invalid value {shorten(repr(value))} for the parameter {parameter.name!r} of the type "
        f"{parameter.type}: it must be {limit}",
        reason="PARAMETER_MALFORMED",
        field=parameter.name,
        value=value,
        limit=limit,
    )
