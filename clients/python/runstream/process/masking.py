"""Masks secrets in what a run keeps of its program: remotes, arguments and changes of code.

A secret is known by the name before it, by its place in a URL, or by the form that well-known
services give to their tokens. A secret that has none of these stays, so what should stay private is
better left out (`RUNSTREAM_SOURCE`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

MASK = "***"

_NAME = (
    r"(?:pass(?:word|wd|phrase)?|pwd|secret|credentials?|auth|token"
    r"|(?:api|access|secret|private|account|encryption|signing)[-_]?key"
    r"|(?:api|access|auth|hf|hub|github|gitlab|bearer|refresh|session|wandb)[-_]?token)"
)
# `token` alone is one, but neither `pad_token` nor `max_tokens`.
_SECRET_NAME = re.compile(rf"(?:.*[-_.])?(?!token$){_NAME}|token", re.IGNORECASE | re.DOTALL)
_OPTION = re.compile(r"-{0,2}([A-Za-z][\w.-]*)", re.ASCII)

_URL_LOGIN = re.compile(
    r"\b([a-z][a-z0-9+.-]{0,20})://([^\s/@:'\"]{0,1000})(:[^\s/@'\"]{0,1000})?@", re.IGNORECASE
)
_TOKEN = re.compile(
    r"\b(?:gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{20,}|hf_\w{20,}|sk-[\w-]{20,}"
    r"|AKIA[0-9A-Z]{16}|xox[abeoprs]-[\w-]{10,}|AIza[\w-]{35}|npm_\w{30,}|pypi-[\w-]{30,}"
    r"|eyJ[\w-]{10,2000}\.[\w-]{10,4000}\.[\w-]*)"
)
_PRIVATE_KEY = re.compile(
    r"(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
)
# A value without quotes that looks made by chance.
_RANDOM = r"(?=[^\s\"'#,;(){}\[\]]{0,200}\d)[^\s\"'#,;(){}\[\]]{8,200}(?=[\s,;]|$)"
# `"api_key": "..."`, `PASSWORD = '...'`, `TOKEN=...`. All is bounded, so that no text takes long.
_ASSIGNMENT = re.compile(
    r"(?P<before>\b(?P<name>[A-Za-z][\w.-]{0,60})[\"']?[ \t]{0,20}[:=][ \t]{0,20})"
    rf"(?:(?P<quote>[\"'])[^\"'\n]{{1,1000}}(?P=quote)|{_RANDOM})",
    re.ASCII,
)


def mask_arguments(arguments: Iterable[str]) -> list[str]:
    """Return arguments of a command with their secrets masked.

    These are the value of an option with the name of a secret, as `--api-key KEY` or `token=KEY`,
    and what `mask_text` masks.
    """
    masked: list[str] = []
    is_value_secret = False
    for argument in arguments:
        name, equals, _ = argument.partition("=")
        option = _OPTION.fullmatch(name)
        is_secret = bool(option and _SECRET_NAME.fullmatch(option[1]))
        if is_value_secret and not argument.startswith("-"):
            masked.append(MASK)
        elif is_secret and equals:
            masked.append(f"{name}={MASK}")
        else:
            masked.append(mask_text(argument))
        is_value_secret = is_secret and not equals and argument.startswith("-")
    return masked


def mask_text(text: str) -> str:
    """Return a text with logins in URLs, tokens of well-known services and private keys masked."""
    text = _URL_LOGIN.sub(_mask_login, text)
    text = _TOKEN.sub(MASK, text)
    return _PRIVATE_KEY.sub(rf"\1{MASK}\2", text)


def mask_code(text: str) -> str:
    """Return code with the values that are assigned to names of secrets masked, too."""
    return _ASSIGNMENT.sub(_mask_assignment, mask_text(text))


def _mask_login(found: re.Match[str]) -> str:
    scheme, user, password = found[1], found[2], found[3]
    if scheme.lower() in ("http", "https"):  # where the user may be a token
        return f"{scheme}://{MASK}@"
    return f"{scheme}://{user}:{MASK}@" if password else found[0]


def _mask_assignment(found: re.Match[str]) -> str:
    if not _SECRET_NAME.fullmatch(found["name"]):
        return found[0]
    quote = found["quote"] or ""
    return f"{found['before']}{quote}{MASK}{quote}"
