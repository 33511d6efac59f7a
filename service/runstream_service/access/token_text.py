"""The text of a token of the API, which only its user has."""

from __future__ import annotations

import hashlib
import re
import secrets

# A prefix by which scanners of source code know a token, and 32 random bytes.
_PREFIX = "rst_"
_TOKEN = re.compile(rf"{_PREFIX}[A-Za-z0-9_-]{{43}}")


def new_token_text() -> str:
    """Return the text of a new token."""
    return _PREFIX + secrets.token_urlsafe(32)


def is_token_text(text: str) -> bool:
    """Return whether a text has the form of a token."""
    return _TOKEN.fullmatch(text) is not None


def hide_tokens(text: str) -> str:
    """Return a text with stars in place of the tokens in it."""
    return _TOKEN.sub(f"{_PREFIX}***", text)


def digest_of(text: str) -> bytes:
    """Return what is stored of a token.

    The text is random and long, so that a fast hash without salt is as good as a slow one.
    """
    return hashlib.sha256(text.encode()).digest()
