"""The headers with which MLflow sends a file: its type, and its name as an attachment (W5)."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

from runstream_service.http.file_response import media_type

# Suffixes and whole names of files that are sent as text.
_TEXT_SUFFIXES = frozenset(
    "txt log err cfg conf cnf cf ini properties prop hocon toml yaml yml xml json js py py3 csv "  # noqa: SIM905 # a list would be one word a line
    "tsv md rst ipynb MLmodel MLproject".split()
)
_TOKEN = re.compile(r"[A-Za-z0-9!#$&+.^_`|~-]+")  # RFC 9110, 5.6.2, without what RFC 8187 uses


def content_type(path: str) -> str:
    """Return the type of the file at a path, without a charset, which is unknown."""
    name = path.rpartition("/")[2]
    if name.rpartition(".")[2] in _TEXT_SUFFIXES:
        return "text/plain"
    return media_type(path)


def attachment(path: str) -> str:
    """Return the Content-Disposition that has a browser keep the file at a path under its name.

    A name that is not ASCII is there twice, for those who do not understand the second form
    (RFC 6266, appendix D).
    """
    name = path.rpartition("/")[2]
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode() or "download"
    if not _TOKEN.fullmatch(plain):
        escaped = plain.replace("\\", "\\\\").replace('"', '\\"')
        plain = f'"{escaped}"'
    if name.isascii():
        return f"attachment; filename={plain}"
    return f"attachment; filename={plain}; filename*=UTF-8''{quote(name, safe='')}"
