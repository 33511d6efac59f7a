"""What names, aliases and versions of registered models may be; for client and server."""

from __future__ import annotations

import re
from typing import Final

from runstream.errors import InvalidArgument, shorten
from runstream.rules import FORBIDDEN_IN_KEY, check_text

REGISTERED_MODEL_NAME_CHARACTERS: Final = 256
REGISTERED_MODEL_TAG_CHARACTERS: Final = 100_000
ALIAS_CHARACTERS: Final = 255

_ALIAS = re.compile(rf"[\w-]{{1,{ALIAS_CHARACTERS}}}")
_VERSION_ALIAS = re.compile(r"v\d+", re.ASCII | re.IGNORECASE)
_WHOLE_NUMBER = re.compile(r"\d{1,18}", re.ASCII)


def check_registered_model_name(field: str, name: str) -> None:
    """Check the name of a registered model: 1 to 256 characters without `/` and `:` (Q1)."""
    if not name.strip():
        raise InvalidArgument(
            f"Missing value for required parameter '{field}'", reason="NAME_EMPTY", field=field
        )
    check_text(field, name, REGISTERED_MODEL_NAME_CHARACTERS)
    if not {"/", ":"}.isdisjoint(name):
        text, limit = f"Invalid model name '{shorten(name)}'. Names cannot contain '/' or ':'.", ""
    elif name == "." or name.startswith("..") or FORBIDDEN_IN_KEY.search(name):
        text = f"Invalid value {shorten(name)!a} for parameter '{field}' supplied: "
        limit = "it has no control characters, and neither is . nor begins with .."
    else:
        return
    raise InvalidArgument(
        text + limit,
        reason="NAME_MALFORMED",
        field=field,
        value=ascii(name),
        limit=limit or "without / and :",
    )


def check_registered_model_alias(field: str, alias: str) -> None:
    """Check an alias of a version: 1 to 255 letters, digits, `_` and `-` (Q5)."""
    if not _ALIAS.fullmatch(alias):
        raise _alias_error(
            f"Invalid alias name: '{shorten(alias)}'. Names may only contain alphanumerics, "
            f"underscores (_) and dashes (-), 1 to {ALIAS_CHARACTERS} of them",
            field,
            alias,
        )


def check_new_alias(field: str, alias: str) -> None:
    """Check what `check_registered_model_alias` does, of one that is set: not `latest` or `v1`."""
    check_registered_model_alias(field, alias)
    if alias.lower() == "latest":
        text = "'latest' alias name (case insensitive) is reserved."
        raise _alias_error(text, field, alias)
    if _VERSION_ALIAS.fullmatch(alias):
        raise _alias_error(f"Version alias name '{alias}' is reserved.", field, alias)


def _alias_error(text: str, field: str, alias: str) -> InvalidArgument:
    limit = "letters, digits, _ and -; not latest, and not v and a number"
    return InvalidArgument(
        text, reason="ALIAS_INVALID", field=field, value=ascii(alias), limit=limit
    )


def parse_model_version(field: str, version: str) -> int:
    """Return the number of a version of a registered model (Q2).

    Raises:
        InvalidArgument: the text is no whole number.
    """
    if not _WHOLE_NUMBER.fullmatch(version):
        raise InvalidArgument(
            f"Parameter '{field}' must be an integer, got '{shorten(version)}'.",
            reason="VERSION_MALFORMED",
            field=field,
            value=ascii(version),
            limit="a whole number",
        )
    return int(version)
