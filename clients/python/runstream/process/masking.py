"""Masks secrets in what a run keeps of its program: remotes, arguments and changes of code.

A secret is known by the name before it, by its place in a URL, or by the form that well-known
services give to their tokens. A secret that has none of these stays, so what should stay private is
better left out (`RUNSTREAM_SOURCE`).
"""

# ruff: noqa: SIM905 - words that are split, and not a line for each word

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

MASK = "***"

# A name is that of a secret if it ends with one of these words, in any case, or in the plural.
_SECRET_WORDS = frozenset(
    "password passwd passphrase passcode pass pwd pw secret credential cred auth authorization"
    " token apikey sig".split()
)
# A key of one of these is a secret, wherever it is in the name, and neither `sort_key` nor `key`.
_KEY_WORDS = frozenset(
    "api access secret private account encryption signing auth master deploy ssh".split()
)
# Texts have tokens, too: `pad_token`; and numbers of tokens, unless one of these is before it.
_TEXT_WORDS = frozenset(
    "pad eos bos unk cls sep mask max min num image special additional prompt per new next"
    " first last stop start end input output".split()
)
_TOKEN_WORDS = _KEY_WORDS | frozenset("hf hub github gitlab bearer refresh session wandb".split())
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

_NAME = r"(?P<name>[A-Za-z_][\w.-]{0,80})"
_OPTION = re.compile(rf"[-+~]{{0,2}}{_NAME}", re.ASCII)
_USER_OPTIONS = ("-u", "--user", "--proxy-user")  # of curl: `user:password`

_URL = re.compile(r"\b([a-z][a-z0-9+.-]{0,20})://([^\s\"`<>]{1,2000})", re.IGNORECASE)
_AUTHORITY = re.compile(r"[^/?#]*")
_HOST_AND_PORT = re.compile(r"[^:]*(?::\d*\W*)?")
_LOGIN = re.compile(r"(?<![\w/@.:-])([\w.-]{1,80}):([^\s/@:'\"]{1,200})@(?!sha256:)(?=[\w.-]+[:/])")
_QUERY_NAME = re.compile(rf"[?&;]{_NAME}=", re.ASCII)
_TOKEN = re.compile(
    r"\b(?:gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{20,}|hf_\w{20,}|sk-[\w-]{20,}"
    r"|AKIA[0-9A-Z]{16}|xox[abeoprs]-[\w-]{10,}|AIza[\w-]{35}|rst_[\w-]{43}|npm_\w{30,}|pypi-[\w-]{30,}"
    r"|eyJ[\w-]{10,2000}\.[\w-]{10,4000}\.[\w-]*|(?<=(?i:bearer) )[\w.~+/=-]{6,}"
    r"|(?<=(?i:basic) )[A-Za-z0-9+/=]{8,})"
)
_PRIVATE_KEY = re.compile(
    r"(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
)

# A name and what leads to its value: `API_KEY = `, `"token": `, `["KEY"] = `, `token: str = `,
# `setenv("KEY", `.
_CODE_NAME = re.compile(
    rf"(?<![\w.-]){_NAME}(?:[\"'][ \t]{{0,8}},|[\"']?[ \t]{{0,8}}\]?"
    r"(?:[ \t]{0,8}:[ \t]{0,8}[A-Za-z][\w.\[\]| ]{0,60}?[ \t]{0,8}=|[ \t]{0,20}:?[:=]))[ \t]{0,20}",
    re.ASCII,
)
# Its value in code: a literal with quotes, perhaps with a prefix, or what looks made by chance.
_CODE_VALUE = re.compile(
    r"[A-Za-z]{0,2}(?P<quote>\"\"\"|'''|\"|')(?P<inside>(?:\\.|(?!(?P=quote)).){1,1000})(?P=quote)"
    r"|(?=[^\s\"'#,;(){}\[\]]{0,200}\d)[^\s\"'#,;(){}\[\]]{8,200}(?=[\s,;]|$)",
    re.DOTALL,
)
# A line of a shell or of YAML, which has a value without quotes and nothing else.
_SETTING = re.compile(
    rf"^([-+ ]?[ \t]{{0,40}}(?:export[ \t]{{1,8}}|-[ \t])?{_NAME}(?:=|:[ \t]{{1,8}}))"
    r"[^\s\"'#,;(){}\[\]$<|.]{4,200}[ \t]{0,20}$",
    re.ASCII | re.MULTILINE,
)
# A pair in an argument, and its value, which ends where the next pair may begin.
_PAIR_NAME = re.compile(rf"(?<![\w.-]){_NAME}=", re.ASCII)
_PAIR_VALUE = re.compile(r"(?P<quote>[\"'])(?P<inside>[^\"']+)(?P=quote)|[^\s\"'&;,]+")


def mask_arguments(arguments: Iterable[str]) -> list[str]:
    """Return arguments of a command with their secrets masked.

    These are the value of an option with the name of a secret, as `--api-key KEY` or `token=KEY`,
    such pairs within an argument, and what `mask_code` masks.
    """
    masked: list[str] = []
    previous = ""
    for argument in arguments:
        if previous in _USER_OPTIONS and ":" in argument:
            masked.append(f"{argument.partition(':')[0]}:{MASK}")
        elif previous.startswith("-") and _is_secret_option(previous):
            masked.append(argument if argument.startswith("--") else MASK)
        else:
            masked.append(_mask_argument(argument))
        previous = argument
    return masked


def mask_text(text: str) -> str:
    """Return a text with logins and secrets in URLs, tokens and private keys masked."""
    text = _LOGIN.sub(rf"\1:{MASK}@", _URL.sub(_mask_url, text))
    return _PRIVATE_KEY.sub(rf"\1{MASK}\2", _TOKEN.sub(MASK, text))


def mask_code(text: str) -> str:
    """Return code with the values that are assigned to names of secrets masked, too."""
    text = _SETTING.sub(_mask_setting, mask_text(text))
    return _mask_values(text, _CODE_NAME, _CODE_VALUE)


@lru_cache(maxsize=1024)
def is_secret_name(name: str) -> bool:
    """Return whether a name is that of a secret, by its words."""
    words = [word.lower() for word in _WORD.findall(name)]
    singular = [word.removesuffix("s") for word in words]
    if any(w in _KEY_WORDS and key == "key" for w, key in zip(words, singular[1:], strict=False)):
        return True
    if not words or not {words[-1], singular[-1]} & _SECRET_WORDS:
        return False
    before = words[-2] if len(words) > 1 else ""
    if words[-1] == "tokens":
        return not before or before in _TOKEN_WORDS
    return words[-1] != "token" or before not in _TEXT_WORDS


def _is_secret_option(text: str) -> bool:
    option = _OPTION.fullmatch(text)
    return option is not None and is_secret_name(option["name"])


def _mask_argument(argument: str) -> str:
    for sign in ("=", ":"):  # an option, a header
        name, found, value = argument.partition(sign)
        if found and value and not value.startswith("//") and _is_secret_option(name):
            return f"{name}{sign}{' ' if value[0] == ' ' else ''}{MASK}"
    return _mask_values(mask_code(argument), _PAIR_NAME, _PAIR_VALUE)


def _mask_values(text: str, names: re.Pattern[str], values: re.Pattern[str]) -> str:
    """Return a text with the value after each name of a secret masked, and its quotes kept."""
    parts, position = [], 0
    for found in names.finditer(text):
        if found.start() < position or not is_secret_name(found["name"]):
            continue
        value = values.match(text, found.end())
        if value is not None:
            begin, end = value.span("inside") if value.group("quote") else value.span()
            parts += [text[position:begin], MASK]
            position = end
    return "".join([*parts, text[position:]])


def _mask_url(found: re.Match[str]) -> str:
    """Return a URL without its login, which ends at the last `@` before the host ends."""
    scheme, rest = found.groups()
    authority = _AUTHORITY.match(rest)
    host = authority[0] if authority else ""
    at = host.rfind("@")
    if at < 0 and not _HOST_AND_PORT.fullmatch(host):  # a password with a `/`
        at = rest.find("@")
    if at >= 0:
        user, colon, _ = rest[:at].partition(":")
        login = MASK if "http" in scheme.lower() else f"{user}:{MASK}" if colon else user
        rest = login + rest[at:]
    return f"{scheme}://{_mask_values(rest, _QUERY_NAME, _PAIR_VALUE)}"


def _mask_setting(found: re.Match[str]) -> str:
    return f"{found[1]}{MASK}" if is_secret_name(found["name"]) else found[0]
