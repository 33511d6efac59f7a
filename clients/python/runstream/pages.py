"""Pages of a long answer."""

from __future__ import annotations

from typing import Protocol

from runstream.errors import Internal


class PageRequest(Protocol):
    """A request for a page."""

    page_token: str


def next_token(request: PageRequest, token: str, items: int) -> str:
    """Return the token of the next page, "" at the end.

    Args:
        request: the request that was answered.
        token: the token of its answer.
        items: how many items the answer has.

    Raises:
        Internal: the pages would never end, because this one brought nothing, or the next is this
            one again.
    """
    if token and (not items or token == request.page_token):
        raise Internal(
            "the server answers with pages that bring nothing new", reason="ANSWER_MALFORMED"
        )
    return token
