"""Page tokens: opaque to callers, and valid only for the request they were made for (S6).

A token is signed with a key that lies in the database, so it is good after a restart, too, and what
it says needs no other check: nobody but a server of this database can have written it.
"""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Any

from runstream.errors import InvalidArgument, shorten

#: Entries that a page of a search may leave out before its first.
MAX_OFFSET = 1_000_000

_SIGNATURE_BYTES = 16

_key = b""


def set_signing_key(key: bytes) -> None:
    """Sign and check all tokens with this key, from now on."""
    global _key  # a process serves one database
    _key = key


def encode_page_token(request: Sequence[Any], position: Sequence[Any]) -> str:
    """Return the token for what comes after a position.

    Args:
        request: the fields of the request that must be the same on every page.
        position: numbers, texts and None.
    """
    # Without escapes, the texts of ten keys to order by fit in a request whatever they are.
    text = json.dumps(list(position), ensure_ascii=False).encode()
    return urlsafe_b64encode(_signature(request, text) + text).decode()


def decode_page_token(request: Sequence[Any], token: str, length: int) -> list[Any] | None:
    """Return the position that a token stands for, of `length` values; None for no token.

    Raises:
        InvalidArgument: the token was made for another request, or by nobody who has the key.
    """
    if not token:
        return None
    try:
        signed = urlsafe_b64decode(token)
    except ValueError:
        signed = b""
    signature, text = signed[:_SIGNATURE_BYTES], signed[_SIGNATURE_BYTES:]
    if hmac.compare_digest(signature, _signature(request, text)):
        position: list[Any] = json.loads(text)
        if len(position) == length:
            return position
    raise InvalidArgument(
        f"Invalid value {shorten(token)!a} for parameter 'page_token' supplied: "
        "it was made for another request",
        reason="PAGE_TOKEN_MISMATCH",
        field="page_token",
        value=ascii(token),
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


def check_offset(offset: int) -> None:
    """Raise InvalidArgument if more runs are to be left out than may be."""
    if not 0 <= offset <= MAX_OFFSET:
        raise InvalidArgument(
            f"Invalid value {offset} for parameter 'offset' supplied: it must be 0 to {MAX_OFFSET}",
            reason="OFFSET_OUT_OF_RANGE",
            field="offset",
            value=offset,
            limit=MAX_OFFSET,
        )


def _signature(request: Sequence[Any], position: bytes) -> bytes:
    query = json.dumps(list(request)).encode()
    return hmac.digest(_key, query + b"\0" + position, "sha256")[:_SIGNATURE_BYTES]
