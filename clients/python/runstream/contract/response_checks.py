"""Checks of the answers of a server, which is not trusted."""

from __future__ import annotations

from typing import Protocol

from runstream.errors import Internal
from runstream.v1.metric_pb2 import MetricTable


class PageRequest(Protocol):
    """A request for a page."""

    page_token: str


def check_next_page_token(request: PageRequest, token: str, items: int) -> str:
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
        raise _malformed_error("the server answers with pages that bring nothing new")
    return token


def check_columns(table: MetricTable) -> None:
    """Check that the columns of a table have the length that its counts add up to.

    Raises:
        Internal: they have not.
    """
    lengths = {sum(table.counts), len(table.step), len(table.timestamp), len(table.value)}
    if len(lengths) > 1 or len(table.counts) != len(table.keys):
        raise malformed_columns_error()


def malformed_columns_error() -> Internal:
    """Return the error for a table whose columns have other lengths than its counts say."""
    return _malformed_error("the server answers with columns of points that do not fit together")


def unrequested_response_error(field: str, found: str, requested: str) -> Internal:
    """Return the error for an answer about something that was not asked for."""
    return _malformed_error(
        f"the server was asked about {requested[:100]!r}, and answers about {found[:100]!r}", field
    )


def _malformed_error(text: str, field: str = "") -> Internal:
    return Internal(text, reason="ANSWER_MALFORMED", **({"field": field} if field else {}))
