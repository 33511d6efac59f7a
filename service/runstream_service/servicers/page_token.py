"""Page tokens: opaque to callers, and good for the request alone that they were made for (S6)."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from runstream.errors import InvalidArgument


def made(request: Sequence[Any], place: Sequence[Any]) -> str:
    """Return the token for what comes after a place.

    Args:
        request: what of the request must be the same on every page.
        place: numbers, texts and None.
    """
    # Without escapes, the texts of ten keys to order by fit in a request whatever they are.
    text = json.dumps([_mark(request), *place], ensure_ascii=False)
    return urlsafe_b64encode(text.encode()).decode()


def place_of(request: Sequence[Any], token: str, length: int) -> list[Any] | None:
    """Return the place that a token stands for; None for no token.

    Raises:
        InvalidArgument: the token was made for another request.
    """
    if not token:
        return None
    try:
        mark, *place = json.loads(urlsafe_b64decode(token))
        if mark == _mark(request) and len(place) == length:
            return list(place)
    except (ValueError, TypeError):
        pass
    raise InvalidArgument(
        f"Invalid value {token!r} for parameter 'page_token' supplied: "
        "it was made for another request",
        reason="PAGE_TOKEN_MISMATCH",
        field="page_token",
        value=token,
        limit="a next_page_token of the same request",
    )


def check_page_size(size: int, limit: int) -> None:
    """Raise InvalidArgument if a page is to be longer than the limit; 0 stands for a default."""
    if not 0 <= size <= limit:
        raise InvalidArgument(
            f"Invalid value {size} for parameter 'max_results' supplied: "
            f"it must be 1 to {limit}, or 0 for the default",
            reason="PAGE_SIZE_OUT_OF_RANGE",
            field="max_results",
            value=size,
            limit=limit,
        )


def _mark(request: Sequence[Any]) -> str:
    return sha256(json.dumps(list(request)).encode()).hexdigest()[:16]
